// SPDX-License-Identifier: Apache-2.0
import { onToken } from './api.js';
import { actsOf } from './acts.js';
import { askToken, setUpDialogs } from './dialogs.js';
import { byId } from './dom.js';
import { Editor } from './editor.js';
import { ExportDialog } from './export_dialog.js';
import { Gallery } from './gallery.js';
import { gesturesOf } from './gestures.js';
import { takeFiles } from './intake.js';
import { listen } from './keyboard.js';
import { Panel } from './panel.js';
import { Pointer } from './pointer.js';
import { Session } from './session.js';
import { Stage } from './stage.js';
import { announce, toast } from './toasts.js';
import { Toolbar } from './toolbar.js';

/** The page: one session, one editor, and what shows them. */
class App {
    /** @param {Session} session */
    constructor(session) {
        this.session = session;
        this.stage = new Stage(byId('stage'));
        this.editor = new Editor(session, { changed: () => this.refresh(), lost: () => this.encode() });
        this.panel = new Panel(this.editor);
        this.exporter = new ExportDialog(this.editor);
        this.toolbar = new Toolbar(this);
        this.gallery = new Gallery(session, (load) => this.open(load));
        this.cursor = null; // where the pointer is, in pixels of the photo
        this.cross = null; // the keyboard's crosshair
        this.encoding = null;
        this.turn = 0;
        this.pointer = new Pointer(byId('stage'), gesturesOf(this));
        listen(byId('stage'), actsOf(this), this.pointer);
        takeFiles((blob, name) => this.open(() => session.fromFile(blob, name)));
        byId('model').textContent = `${session.model.name} (${session.model.imageSize} pixels)`;
        this.stage.onView = () => this.toolbar.showZoom();
        if (session.folder) {
            this.gallery.more().catch((error) => toast(error.message, 'error'));
        }
        this.refresh();
    }

    /** Shows a photo and encodes it; a newer call wins. @param {() => Promise<import('./session.js').Photo>} load */
    async open(load) {
        const turn = ++this.turn;
        this.encoding?.abort();
        this.toolbar.busy('Opening the photo', null);
        try {
            const photo = await load();
            if (turn !== this.turn) {
                return;
            }
            document.title = `${photo.name} · samc`;
            byId('photo-name').textContent = photo.name;
            byId('app').classList.add('has-photo');
            this.cross = this.cursor = null;
            this.editor.usePhoto(photo);
            this.stage.measure();
            this.stage.show(photo);
            this.gallery.opened(photo);
            byId('stage').focus({ preventScroll: true });
            await this.encode();
        } catch (error) {
            if (turn === this.turn) {
                this.toolbar.idle();
                toast(error.code ? error.message : 'This file is no photo that can be opened here.', 'error');
            }
        }
    }

    /** Encodes the photo that shows. */
    async encode() {
        const { photo } = this.editor;
        const abort = new AbortController();
        this.encoding?.abort();
        this.encoding = abort;
        this.toolbar.busy('Looking at the photo', 0);
        try {
            await this.session.encode(photo, {
                onProgress: (done, queue) => {
                    if (this.encoding === abort) {
                        this.toolbar.busy(queue ? `Waiting, ${queue} before this one` : 'Looking at the photo', done);
                    }
                },
                signal: abort.signal,
            });
            if (this.encoding === abort && photo === this.editor.photo) {
                this.encoding = null;
                this.toolbar.idle();
                this.editor.encoded();
                announce('Ready. Click on anything in the photo.');
            }
        } catch (error) {
            if (this.encoding !== abort) {
                return; // another photo has taken its place
            }
            this.encoding = null;
            this.toolbar.stopped();
            if (!abort.signal.aborted) {
                toast(error.message, 'error');
            }
        }
    }

    /** Gives up the encoding; the photo stays and can be encoded again. */
    cancel() {
        this.encoding?.abort();
    }

    /** All that shows, from the state. */
    refresh() {
        const { editor, stage } = this;
        if (!this.panel || !this.toolbar) {
            return;
        }
        const { items, active } = editor.state;
        const painting = editor.brush.live;
        const shown = editor.hidden || !editor.photo ? [] : items.filter(({ visible, id }) => visible || id === active);
        const spot = this.cross ?? this.cursor;
        stage.scene = {
            items: shown.map((item) => ({
                item,
                active: item.id === active,
                mask: painting && editor.brush.item?.id === item.id ? painting : editor.masks.draw(item),
            })),
            hover: editor.everything ? editor.everything.lit : editor.hover,
            box: editor.draft,
            brush: editor.tool !== 'select' && spot ? { x: spot[0], y: spot[1], radius: editor.brush.radius / stage.view.scale } : null,
            cross: this.cross && editor.tool === 'select' ? { x: this.cross[0], y: this.cross[1] } : null,
            everything: editor.everything?.canvas ?? null,
        };
        if (painting && !editor.brush.item) {
            stage.scene.items.push({ item: { color: editor.brush.color, prompt: { points: [] } }, mask: painting, active: true });
        }
        stage.draw();
        this.panel.update();
        this.toolbar.update();
    }
}

setUpDialogs();
onToken(askToken);
Session.start().then((session) => new App(session), (error) => {
    byId('start-error').hidden = false;
    byId('start-error').textContent = error.message;
}).finally(() => byId('app').removeAttribute('aria-busy'));

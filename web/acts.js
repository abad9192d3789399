// SPDX-License-Identifier: Apache-2.0
import { openHelp } from './dialogs.js';
import { byId } from './dom.js';
import { announce } from './toasts.js';

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 12; // CSS pixels the crosshair moves

/**
 * What keys and buttons do, by the names that keyboard.js and the markup use.
 *
 * @param {any} app
 * @returns {Record<string, (event?: any) => boolean | void>}
 */
export function actsOf(app) {
    const { editor, stage } = app;
    const { view } = stage;
    const needs = (work) => (event) => (editor.photo ? work(event) : false);
    const here = () => app.cross ?? app.cursor ?? [editor.photo.width / 2, editor.photo.height / 2];
    const zoom = (change) => needs(() => {
        change();
        app.toolbar.showZoom();
        app.refresh();
    });
    const thicker = (factor) => needs(() => {
        editor.brush.radius = Math.min(200, Math.max(2, editor.brush.radius * factor));
        app.refresh();
    });
    const clickHere = (label) => needs(() => {
        // as a click does, whatever the switch for adding and removing says
        editor.click(here(), label !== editor.label, 11 / view.scale);
    });
    return {
        open: () => byId('file').click(),
        nextPhoto: needs(() => app.gallery.step(editor.photo.key, 1)),
        previousPhoto: needs(() => app.gallery.step(editor.photo.key, -1)),
        arrow: needs((event) => {
            const [dx, dy] = ARROWS[event.key];
            const step = event.shiftKey ? 1 : STEP / view.scale;
            const [x, y] = here();
            const clip = (v, most) => Math.max(0.5, Math.min(most - 0.5, v));
            app.cross = [clip(x + dx * step, editor.photo.width), clip(y + dy * step, editor.photo.height)];
            view.reveal(...app.cross);
            if (editor.draft) {
                editor.draft = [editor.draft[0], editor.draft[1], ...app.cross];
            }
            editor.hoverOver(app.cross);
            announce(`${Math.round(app.cross[0])}, ${Math.round(app.cross[1])}`);
            app.refresh();
        }),
        addHere: clickHere(1),
        removeHere: clickHere(0),
        boxHere: needs(() => {
            if (editor.draft) {
                editor.box([editor.draft[0], editor.draft[1], ...here()]);
            } else {
                app.cross = here();
                editor.clearHover();
                editor.draft = [...app.cross, ...app.cross];
                announce('First corner. Move on and press R again.');
                app.refresh();
            }
        }),
        cycle: needs(() => editor.cycle()),
        finish: needs(() => {
            if (editor.everything) {
                editor.pick();
            } else {
                editor.finish();
            }
        }),
        refine: needs(() => editor.refine()),
        remove: needs(() => editor.remove()),
        escape: needs(() => {
            if (app.encoding) {
                app.cancel();
            } else if (editor.everything) {
                editor.leaveEverything();
            } else if (editor.draft || editor.brush.stroke) {
                editor.draft = null;
                editor.brush.cancel();
                app.refresh();
            } else if (editor.tool !== 'select') {
                editor.setTool('select');
            } else {
                editor.finish();
            }
        }),
        toolSelect: needs(() => editor.setTool('select')),
        toolBrush: needs(() => editor.setTool('brush')),
        toolEraser: needs(() => editor.setTool('eraser')),
        thinner: thicker(0.8),
        thicker: thicker(1.25),
        everything: needs(() => {
            editor.toggleEverything();
        }),
        undo: needs(() => editor.undo()),
        redo: needs(() => editor.redo()),
        zoomIn: zoom(() => view.zoom(1.25)),
        zoomOut: zoom(() => view.zoom(0.8)),
        fit: zoom(() => view.fit()),
        actual: zoom(() => view.zoom(1 / view.scale)),
        hide: needs(() => {
            editor.hidden = !editor.hidden;
            announce(editor.hidden ? 'Masks hidden' : 'Masks shown');
            app.refresh();
        }),
        export: needs(() => app.exporter.open()),
        copy: needs(() => app.exporter.quickCopy()),
        help: openHelp,
        cancel: () => app.cancel(),
        encode: () => app.encode(),
    };
}

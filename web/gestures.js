// SPDX-License-Identifier: Apache-2.0
/**
 * What pointers on the stage do: clicks, boxes and strokes for the editor, moves of the view.
 *
 * @param {any} app
 * @returns {import('./pointer.js').Gestures}
 */
export function gesturesOf(app) {
    const { editor, stage } = app;
    const { view } = stage;
    const at = ({ x, y }) => view.toPhoto(x, y);
    const moved = () => {
        app.toolbar.showZoom();
        app.refresh();
    };
    return {
        hover(spot) {
            app.cross = null;
            app.cursor = spot && at(spot);
            if (editor.photo) {
                editor.hoverOver(app.cursor);
                if (editor.tool !== 'select') {
                    app.refresh();
                }
            }
        },
        click(spot) {
            app.cross = null;
            if (editor.photo) {
                editor.click(at(spot), spot.other, (spot.touch ? 20 : 11) / view.scale);
            }
        },
        drags: () => Boolean(editor.photo) && editor.tool !== 'select' && !editor.everything,
        dragStart(from) {
            if (!editor.photo) {
                return;
            }
            if (this.drags()) {
                editor.brush.begin(editor, at(from), view.scale);
                app.refresh();
            } else if (!editor.everything) {
                editor.clearHover();
            }
        },
        drag(from, to) {
            app.cursor = at(to);
            if (editor.brush.stroke) {
                editor.brush.move(editor, at(to));
            } else if (editor.photo && !editor.everything && editor.tool === 'select') {
                editor.draft = [...at(from), ...at(to)];
            }
            app.refresh();
        },
        dragEnd(from, to) {
            if (editor.brush.stroke) {
                const state = editor.brush.end(editor);
                if (state) {
                    editor.commit(state);
                }
            } else if (editor.draft) {
                editor.box([...at(from), ...at(to)]);
            }
            app.refresh();
        },
        dragCancel() {
            editor.brush.cancel();
            editor.draft = null;
            app.refresh();
        },
        pan(dx, dy) {
            view.pan(dx, dy);
            moved();
        },
        zoom(factor, x, y) {
            view.zoom(factor, x, y);
            moved();
        },
    };
}

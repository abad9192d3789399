// SPDX-License-Identifier: Apache-2.0
const KERNELS = [
    '<script>HIT</script>', '<img src=x onerror=HIT>', '"><svg onload=HIT>', "' onmouseover=HIT '",
    '<iframe srcdoc="<script>parent.HIT</script>">', 'javascript:HIT', '</title><script>HIT</script>',
    '</option></select><img src onerror=HIT>', '{{constructor.constructor("HIT")()}}', '${HIT}',
    '<a href="javascript:HIT">x</a>', '<style>@import "javascript:HIT"</style>', '<math><mtext><img src onerror=HIT>',
    '<details open ontoggle=HIT>', '<input autofocus onfocus=HIT>', '<video><source onerror=HIT>',
    'data:text/html,<script>HIT</script>', '<!--><script>HIT</script>-->', ']]><script>HIT</script>',
    '<template><script>HIT</script></template>',
];
const AROUND = [
    (k) => k, (k) => `../../${k}`, (k) => `${k}.jpg`, (k) => `\u202e${k}`, (k) => `a\u0000${k}`, (k) => `\n\r\t${k}`,
    (k) => k.toUpperCase(), (k) => `${k}${'A'.repeat(300)}`, (k) => `\ud800${k}`, (k) => `C:\\${k}`,
];

/** 200 names that would run, break out or walk up if anybody took them for more than text. */
export function hostileNames() {
    return KERNELS.flatMap((kernel) => AROUND.map((around) => around(kernel.replace('HIT', 'globalThis.hit=1'))));
}

import { SHADES } from './shades.js';

/** Cut from viridis, without the end that has no contrast to the page; the last is for the best run. */
const ON_LIGHT = '9dbb2c 77b83f 52b155 36a86b 249c7c 208f87 25818c 2d728e 36618d 3f4f89 453781 440154'.split(' ');
const ON_DARK = '7b6bb0 6a74b8 5a80bb 4a8fbb 3f9fb4 3aafa8 41bd98 5bc985 80d46c a8dc52 d2e23c fde725'.split(' ');

function shades(colours: readonly string[]): string {
  return Array.from({ length: SHADES }, (_, shade) => `.shade-${shade}{--shade:#${colours[shade] ?? ''}}`).join('');
}

const depths: string = Array.from(
  { length: 8 },
  (_, depth) => `.depth-${depth + 1}{padding-left:${1.6 + depth * 1.1}em!important}`,
).join('');

const DARK = `:root{--paper:#14171c;--raised:#1b1f26;--ink:#e4e7ec;--soft:#98a1b0;--rule:#2d333d;--tint:#222936;--odd:#3a3117;--bad:#ff9d8a;--mark:#8ab4ff;
--falls:224 140 66;--rises:84 150 226}
${shades(ON_DARK)}`;

/** No font, picture or rule from elsewhere: the file is all there is. */
export const STYLE: string = `:root{color-scheme:light dark;--paper:#fff;--raised:#f6f7f9;--ink:#1b212b;--soft:#5b6575;--rule:#dfe3e9;--tint:#eef2f8;--odd:#fff3cf;--bad:#b3261e;--mark:#1d5fc4;
--falls:202 108 20;--rises:32 102 190}
${shades(ON_LIGHT)}
.shadeless{--shade:var(--soft)}
@media screen and (prefers-color-scheme:dark){${DARK}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1320px;margin:0 auto;padding:36px 28px 72px}
h1{font-size:25px;line-height:1.25;font-weight:650;letter-spacing:-.012em;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;font-weight:650;letter-spacing:-.005em;margin:44px 0 10px}
p{margin:0 0 12px}
.sub,.note,figcaption{color:var(--soft)}
.note,figcaption{font-size:13px;max-width:118ch}
small{display:block;font-size:11px;font-weight:400;color:var(--soft)}
.picture{margin:0}
.picture svg{display:block;max-width:100%;height:auto;font-size:11.5px}
#parallel{overflow-x:auto}
#parallel svg{margin:0 auto;min-width:780px}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:26px 28px}
.curve figcaption{margin-bottom:4px}
.curve b{color:var(--ink);font-weight:600;margin-right:.5em;overflow-wrap:anywhere}
svg text{fill:var(--soft)}
svg .name{fill:var(--ink);text-anchor:middle;font-weight:600}
svg .left{text-anchor:end}
svg .middle{text-anchor:middle}
.axis path{stroke:var(--soft);fill:none}
.axis text{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.axis .gap{font-style:italic}
.axis.metric path{stroke:var(--ink);stroke-width:1.5}
.grid path{stroke:var(--rule)}
.run polyline,.run .line{fill:none;stroke:var(--shade);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.run .line{stroke-width:1.5}
.run .reach{fill:none;stroke:transparent;stroke-width:11;pointer-events:stroke}
.run .hole{stroke:var(--shade);stroke-width:1.5}
.many polyline{stroke-width:1.1;stroke-opacity:.7}
.many .on polyline{stroke-width:3;stroke-opacity:1}
.shadeless polyline{stroke-dasharray:3 4}
svg .run{transition:opacity .12s}
.picked svg .run:not(.on){opacity:.13}
.on polyline,.on .line{stroke-width:3.2}
.on .reach{stroke-width:11}
.legend{display:flex;flex-wrap:wrap;gap:3px 18px;padding:0;margin:0 0 16px;list-style:none;font-size:13px}
.legend li{cursor:default}
.picked .legend li:not(.on){opacity:.45}
.ramp{display:flex;align-items:center;gap:8px;margin:0 0 16px;font-size:13px;color:var(--soft)}
.ramp i{margin:0 -8px 0 0;border-radius:0;width:22px}
.ramp i:last-of-type{margin-right:0}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;background:var(--shade);margin-right:7px;vertical-align:-1px;flex:none}
.tools{display:flex;flex-wrap:wrap;gap:10px 20px;align-items:center;margin:0 0 10px}
.tools label{display:flex;gap:7px;align-items:center}
.tools input{accent-color:var(--mark);font:inherit}
.tools input[type=search]{background:var(--paper);color:inherit;border:1px solid var(--rule);border-radius:6px;padding:4px 9px;width:17em;max-width:60vw}
.tools output{color:var(--soft);font-size:13px}
.table{overflow:auto;width:fit-content;max-width:100%;max-height:86vh;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:separate;border-spacing:0;font-size:13px}
th,td{padding:5px 11px;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);max-width:26em;overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
thead th{position:sticky;top:0;z-index:2;background:var(--raised);font-weight:600;vertical-align:bottom;overflow-wrap:break-word;white-space:nowrap}
#params th,#params td{padding-left:8px;padding-right:8px}
#params thead th{white-space:normal;min-width:5.4em}
#params .first{min-width:min(14em,40vw)}
tbody th{font-weight:500}
.first{position:sticky;left:0;z-index:1;background:var(--paper);min-width:min(15em,40vw)}
thead .first{z-index:3;background:var(--raised)}
.n{text-align:right;white-space:nowrap}
td.n{overflow-wrap:normal}
.nowrap{white-space:nowrap}
.text{white-space:pre-wrap}
.missing{color:var(--soft);font-style:italic}
td.missing,.status{white-space:nowrap}
.bad{color:var(--bad)}
.best{font-weight:700}
.odd{background:var(--odd)}
.is{color:var(--soft);min-width:7.5em;overflow-wrap:normal}
.different .is span,tr.missing .is span{color:var(--mark);font-weight:500}
tr.missing{color:inherit;font-style:normal}
.equal td{color:var(--soft)}
.branch th,.branch td{background:var(--raised);font-weight:600}
.value{display:inline-block;margin-right:14px}
.value small{display:inline}
tr[data-run].on>*,td.on,th.on{background:var(--tint)}
tr[data-run]:hover>*{background:var(--tint)}
.only .equal,.filtered{display:none}
summary{cursor:pointer}
details.all>summary{color:var(--mark);margin-bottom:10px}
${[1, 2, 3, 4].map((strength) => `.falls-${strength}{background:rgb(var(--falls)/${strength * 0.13})}.rises-${strength}{background:rgb(var(--rises)/${strength * 0.13})}`).join('')}
${depths}
#tip{position:fixed;z-index:9;left:0;top:0;max-width:30em;padding:7px 10px;background:var(--ink);color:var(--paper);border-radius:6px;font-size:12px;line-height:1.45;white-space:pre-line;overflow-wrap:anywhere;pointer-events:none}
#tip::first-line{font-weight:700}
#tip[hidden]{display:none}
@page{size:A4 landscape;margin:11mm}
@media print{:root{color-scheme:light}
body{font-size:9.5pt}
main{max-width:none;padding:0}
h2{margin-top:18px;break-after:avoid}
.tools,#tip{display:none}
.table{overflow:visible;max-height:none;border:0}
table{font-size:7.5pt}
th,td{padding:2px 5px}
thead{display:table-header-group}
thead th,.first{position:static}
#params thead th{min-width:0}
#params th,#params td{padding-left:5px;padding-right:5px}
#params .first{min-width:10em}
thead th{white-space:normal}
#runs thead th{overflow-wrap:anywhere}
#parallel{overflow:visible}
#parallel svg{min-width:0}
.first{min-width:10em;background:none}
small{font-size:6.5pt}
details.all:not([open]){display:none}
tr,figure,.legend{break-inside:avoid}
.legend,.ramp{break-after:avoid}
.curves{grid-template-columns:1fr 1fr;gap:12px 18px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}`;

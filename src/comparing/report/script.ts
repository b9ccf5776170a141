/**
 * All that moves in the report. It is the same text in every report, with nothing of a run in it, so that the page's policy
 * can name it by its hash and refuse every other script.
 */
export const SCRIPT: string = `'use strict';
(() => {
  const root = document.documentElement;
  // Said in the page itself: whoever checks a report has no console to look at.
  addEventListener('error', (event) => { root.dataset.error = event.message; });
  addEventListener('securitypolicyviolation', (event) => { root.dataset.refused = event.violatedDirective; });

  // The browser's own hint comes late and would stand beside ours.
  for (const group of document.querySelectorAll('svg .run')) {
    const title = group.querySelector('title');
    group.dataset.about = title.textContent;
    title.remove();
  }

  const tip = document.getElementById('tip');
  let shown = null;
  const pick = (run) => {
    if (run === shown) return;
    shown = run;
    for (const part of document.querySelectorAll('.on')) part.classList.remove('on');
    root.classList.toggle('picked', run !== null);
    if (run !== null) for (const part of document.querySelectorAll('[data-run="' + run + '"]')) part.classList.add('on');
  };
  document.addEventListener('pointerover', (event) => {
    const part = event.target instanceof Element ? event.target.closest('[data-run]') : null;
    pick(part === null ? null : part.dataset.run);
    tip.hidden = part === null || part.dataset.about === undefined;
    if (!tip.hidden) tip.textContent = part.dataset.about;
  });
  document.addEventListener('pointermove', (event) => {
    if (tip.hidden) return;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 16;
    const top = below + tip.offsetHeight > innerHeight - 8 ? event.clientY - tip.offsetHeight - 12 : below;
    tip.style.transform = 'translate(' + Math.max(8, left) + 'px,' + Math.max(8, top) + 'px)';
  });

  const params = document.getElementById('params');
  if (params !== null) {
    const only = document.getElementById('only-different');
    const wanted = document.getElementById('wanted');
    const rows = [...params.tBodies[0].rows];
    const filter = () => {
      const word = wanted.value.trim().toLowerCase();
      params.classList.toggle('only', only.checked);
      for (const row of rows) {
        const key = row.dataset.key;
        // Names of branches say nothing about rows that are not there.
        row.classList.toggle('filtered', key === undefined ? only.checked || word !== '' : !key.toLowerCase().includes(word));
      }
      const left = rows.filter((row) => row.dataset.key !== undefined && row.getClientRects().length > 0).length;
      document.getElementById('left').textContent = left + ' of ' + params.dataset.count + ' params';
    };
    only.addEventListener('change', filter);
    wanted.addEventListener('input', filter);
    filter();
  }
  root.dataset.ready = '';
})();
`;

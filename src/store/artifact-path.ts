/** As MLflow appends to a location: to the path of a URI, before its query. */
export function appendPath(location: string, path: string): string {
  const cut = /^[a-z][a-z0-9+.-]*:/i.test(location) ? location.search(/[?#]/) : -1;
  const base = cut < 0 ? location : location.slice(0, cut);
  return `${base}${base.endsWith('/') ? '' : '/'}${path}${cut < 0 ? '' : location.slice(cut)}`;
}

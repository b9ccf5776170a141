/** What the server answers, and the errors that it raises on the way there. */

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class Refusal extends Error {
  readonly errorCode: string;

  constructor(errorCode: string, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

export const invalid = (message: string): Refusal => new Refusal('INVALID_PARAMETER_VALUE', message);

const STATUS: Readonly<Record<string, number>> = {
  INVALID_PARAMETER_VALUE: 400,
  BAD_REQUEST: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  RESOURCE_DOES_NOT_EXIST: 404,
  INTERNAL_ERROR: 500,
  TEMPORARILY_UNAVAILABLE: 503,
};

/** Servers since 3.12 say more than the older ones; error_code is what both say. */
const ERROR_CLASS: Readonly<Record<string, readonly [sqlstate: string, errorClass?: string]>> = {
  INVALID_PARAMETER_VALUE: ['KAM00', 'INVALID_PARAMETER_VALUE'],
  BAD_REQUEST: ['KAM00', 'INVALID_PARAMETER_VALUE'],
  RESOURCE_ALREADY_EXISTS: ['KAM00', 'RESOURCE_ALREADY_EXISTS'],
  RESOURCE_DOES_NOT_EXIST: ['KAM00', 'RESOURCE_NOT_FOUND'],
  INTERNAL_ERROR: ['XXM00'],
  TEMPORARILY_UNAVAILABLE: ['XXM00'],
};

export function json(value: unknown, status = 200): Answer {
  const text = JSON.stringify(value, undefined, 2);
  return { status, headers: { 'content-type': 'application/json' }, body: text === '{}' ? '{}' : text };
}

export function refused({ errorCode, message }: Refusal, older: boolean): Answer {
  const [sqlstate, errorClass] = ERROR_CLASS[errorCode] ?? [];
  const more = older ? {} : { sqlstate, error_class: errorClass };
  return json({ error_code: errorCode, message, ...more }, STATUS[errorCode] ?? 500);
}

/** Flask's own pages. */
function page(status: number, title: string, text: string): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html>\n<html lang=en>\n<title>${status} ${title}</title>\n<h1>${title}</h1>\n<p>${text}</p>\n`,
  };
}

export const SERVER_ERROR: Answer = page(
  500,
  'Internal Server Error',
  'The server encountered an internal error and was unable to complete your request. Either the server is overloaded or there is an error in the application.',
);

export const NOT_FOUND: Answer = page(
  404,
  'Not Found',
  'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
);

export const WRONG_METHOD: Answer = page(405, 'Method Not Allowed', 'The method is not allowed for the requested URL.');

/** Of the app `basic-auth`. */
export const UNAUTHENTICATED: Answer = {
  status: 401,
  headers: { 'content-type': 'text/html; charset=utf-8', 'www-authenticate': 'Basic realm="mlflow"' },
  body:
    'You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow ' +
    'on how to authenticate.',
};

export const FORBIDDEN: Answer = {
  status: 403,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: 'Permission denied',
};

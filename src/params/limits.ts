/**
 * What MLflow keeps, in code points (not UTF-16 units, not bytes), for every store: its server enforces
 * these, and a file that we write directly is served and migrated by it later.
 */

/** `MAX_ENTITY_KEY_LENGTH`: keys of params, metrics and tags. Never cut, always refused. */
export const KEY_CODE_POINTS = 250;

/** `MAX_PARAM_VAL_LENGTH` since MLflow 2.8. Its server cuts longer values silently. */
export const PARAM_VALUE_CODE_POINTS = 6000;

/** `MAX_TAG_VAL_LENGTH` since MLflow 2.17. Its server cuts longer values silently. */
export const TAG_VALUE_CODE_POINTS = 8000;

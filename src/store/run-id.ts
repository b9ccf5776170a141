/** MLflow: `^[a-zA-Z0-9][\w\-]{0,255}$` */
export const RUN_ID: RegExp = /^[a-zA-Z0-9][\w-]{0,255}$/;

// The name of the project.

/** The name with which the names of all its resources begin. */
export const PROJECT = 'serverless-crud';

/** The token of the tenancy: `@Inject(TENANCY) tenancy: Tenancy`. */
export const TENANCY: unique symbol = Symbol('omnitenant.tenancy');

/** The token of the module's options. */
export const options: unique symbol = Symbol('omnitenant.options');

/** The text of `AGENTS.md`: what a coding assistant has to know of an application on omnitenant. */
export const agentsText = `# Multi-tenancy

This application serves many tenants with omnitenant, on MikroORM and PostgreSQL.

- Use \`orm.em\` as MikroORM's EntityManager. In a scope it reads and writes the
  current tenant. Outside a scope it throws OUTSIDE_SCOPE. Never catch that.
- A request already has a scope, by the middleware. In a script or timer, use
  \`tenancy.run(id, fn)\`. For central tables, use \`tenancy.central(fn)\`.
- Do not pass tenant ids through functions. Use \`tenancy.current()\`.
- Do not create a second MikroORM, EntityManager or pg client. Do not use
  \`RequestContext\`.
- Never name a schema: not in entities, queries, raw SQL or migrations. Never set
  \`search_path\` or a role.
- Do not store data of a tenant in module-level variables. Use \`createCache\` of
  @omnitenant/cache.
- Use Queue and Worker of @omnitenant/queue, not those of bullmq.
- Bind event listeners and callbacks that outlive a request with \`bindScope()\`.
- An entity belongs to its tenant. To copy it to another tenant, read its values
  and create it there.
- Migrations: \`npx @omnitenant/cli migration:create\`, then \`npx @omnitenant/cli
  plan\`. Never use MikroORM's own schema or migration commands.
- A central entity has \`schema: 'central'\`. A tenant's entity has no foreign key
  to it: store the id in a plain column.
- Tests: \`openTestTenants\` of @omnitenant/orm/testing, and \`expectNoLeak\` for new
  routes.
- Errors are TenancyError: compare \`error.code\`, and do not use \`instanceof\`.
`;

/** What `init` writes files for. */
export interface InitAnswers {
  /** The path of the application's MikroORM configuration. */
  readonly mikroOrm: string | undefined;
  readonly base: string;
  readonly isolation: string;
  /** Whether modules may await at their top. */
  readonly isModule: boolean;
  /** How the application names its own files in imports. */
  readonly ending: 'ts' | 'js';
}

/** The text of a new `tenancy.ts`, which the application imports. */
export function tenancyText({ mikroOrm, base, isolation, isModule, ending }: InitAnswers): string {
  const imports = [
    mikroOrm === undefined ? imported('{ defineConfig }', '@mikro-orm/postgresql') : undefined,
    imported('{ createTenancy, fromSubdomain }', '@omnitenant/core'),
    imported('{ createOrm }', '@omnitenant/orm'),
    mikroOrm === undefined ? undefined : imported('config', mikroOrm.replace(/ts$/, ending)),
  ].filter(Boolean);
  const orm = `const orm = await createOrm(config, { isolation: '${isolation}' });`;
  const tenancy = `const tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('${base}') });`;
  return `${imports.join('\n')}
${mikroOrm === undefined ? ownMikroOrm : ''}
${isModule ? `export ${orm}\nexport ${tenancy}` : `export async function openTenancy() {\n  ${orm}\n  ${tenancy}\n  return { orm, tenancy };\n}`}
`;
}

/** The text of a new `omnitenant.config.ts`; `tenancy` is the path of the module beside which it is. */
export function configText({ isModule, ending }: InitAnswers, tenancy: string): string {
  const names = isModule ? '{ orm, tenancy }' : '{ openTenancy }';
  return `${imported('{ defineConfig }', '@omnitenant/cli')}
${imported(names, `./${tenancy.replace(/ts$/, ending)}`)}

export default defineConfig(${isModule ? '{ tenancy, orm }' : 'openTenancy'});
`;
}

function imported(what: string, from: string): string {
  return `import ${what} from '${from}';`;
}

const ownMikroOrm = `
const config = defineConfig({
  clientUrl: process.env.DATABASE_URL ?? 'postgres://localhost:5432/app',
  entities: [], // your entities
  migrations: { path: './migrations' },
});
`;

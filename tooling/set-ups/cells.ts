/** One way to write and run an application: its files, and how the command is called there. */
export interface Cell {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Options of the command. */
  readonly args?: readonly string[];
  /** Whether TypeScript compiles it first. */
  readonly compiled?: boolean;
  /** Whether Node runs it without any loader: then it is run on every version. */
  readonly plain?: boolean;
}

const esm = { 'package.json': '{ "private": true, "type": "module" }' };
// Read by the configuration, which refuses to go on without it.
const env = { '.env': 'FROM_ENV_FILE=yes\n' };

function configText(ending: string, { provider = '' } = {}): string {
  const metadata = provider === '' ? '' : `metadataProvider: ${provider}, `;
  return `${provider === '' ? '' : `import { ${provider} } from '@mikro-orm/decorators/legacy';\n`}import { defineConfig as defineMikroOrm } from '@mikro-orm/pglite';
import { defineConfig } from '@omnitenant/cli';
import { createTenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { Task } from './entities/task.${ending}';

export default defineConfig(async () => {
  if (process.env.FROM_ENV_FILE !== 'yes') throw new Error('.env was not read');
  const orm = await createOrm(
    defineMikroOrm({ dbName: 'memory://', entities: [Task], ${metadata}migrations: { path: './migrations' } }),
  );
  return { orm, tenancy: createTenancy({ resources: [orm] }) };
});
`;
}

const migration = {
  'migrations/Migration1.ts': `import { Migration } from '@mikro-orm/migrations';

export class Migration1 extends Migration {
  override up(): void {
    this.addSql('create table task (id serial primary key, title text not null, size text not null)');
  }
}
`,
};

const defined = `import { defineEntity, p } from '@mikro-orm/core';

export const Task = defineEntity({
  name: 'Task',
  properties: { id: p.integer().primary(), title: p.string(), size: p.string() },
});
`;

/** With what Node does not run: decorators, an enum, and an import by .js. */
function decorated(from: 'es' | 'legacy', property: (type: string) => string): string {
  return `import { Entity, PrimaryKey, Property } from '@mikro-orm/decorators/${from}';
import { Size } from './size.js';

@Entity()
export class Task {
  @PrimaryKey(${property('integer')}) id!: number;
  @Property(${property('string')}) title!: string;
  @Property({ type: 'string' }) size: Size = Size.small;
}
`;
}
const size = { 'entities/size.ts': "export enum Size {\n  small = 'small',\n  large = 'large',\n}\n" };
const typed = (type: string) => `{ type: '${type}' }`;
const reflected = () => '';

function tsconfig(options: object): Readonly<Record<string, string>> {
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    ...options,
  };
  return { 'tsconfig.json': JSON.stringify({ compilerOptions, include: ['.'] }) };
}
const legacy = { experimentalDecorators: true, emitDecoratorMetadata: true };

/** The set-ups of docs/guide/set-ups.md. */
export const cells: readonly Cell[] = [
  {
    name: 'TypeScript that Node runs',
    plain: true,
    files: { ...esm, ...env, ...migration, 'omnitenant.config.ts': configText('ts'), 'entities/task.ts': defined },
  },
  {
    name: 'JavaScript',
    plain: true,
    files: {
      ...esm,
      ...env,
      'migrations/Migration1.js': migration['migrations/Migration1.ts'].replace(/override up\(\): void/, 'up()'),
      'omnitenant.config.js': configText('js'),
      'entities/task.js': defined,
    },
  },
  {
    name: 'ES decorators, enums, imports of .js, by tsx',
    files: {
      ...esm,
      ...env,
      ...migration,
      ...size,
      ...tsconfig({}),
      'omnitenant.config.ts': configText('js'),
      'entities/task.ts': decorated('es', typed),
    },
  },
  {
    name: 'legacy decorators, by tsx',
    files: {
      ...esm,
      ...env,
      ...migration,
      ...size,
      ...tsconfig(legacy),
      'omnitenant.config.ts': configText('js'),
      'entities/task.ts': decorated('legacy', typed),
    },
  },
  {
    name: 'a CommonJS package, by tsx',
    files: {
      'package.json': '{ "private": true, "type": "commonjs" }',
      ...env,
      ...migration,
      ...size,
      ...tsconfig(legacy),
      'omnitenant.config.ts': configText('js'),
      'entities/task.ts': decorated('legacy', typed),
    },
  },
  {
    name: 'legacy decorators with metadata, by swc',
    args: ['--import', '@swc-node/register/esm-register'],
    files: {
      ...esm,
      ...env,
      ...migration,
      ...size,
      ...tsconfig(legacy),
      'omnitenant.config.ts': configText('js', { provider: 'ReflectMetadataProvider' }),
      'entities/task.ts': decorated('legacy', reflected),
    },
  },
  {
    name: 'legacy decorators with metadata, compiled by tsc',
    compiled: true,
    args: ['--config', 'dist/omnitenant.config.js'],
    files: {
      ...esm,
      ...env,
      ...migration,
      ...size,
      ...tsconfig({ ...legacy, outDir: 'dist' }),
      'omnitenant.config.ts': configText('js', { provider: 'ReflectMetadataProvider' }),
      'entities/task.ts': decorated('legacy', reflected),
    },
  },
];

import { mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './packages.ts';

/**
 * Fills `folder` with links to everything that a package or an example here depends on, so that code outside of the
 * workspace, like that of the documentation, finds what it imports.
 */
export function linkDependencies(folder: string, skip: (name: string) => boolean = () => false): void {
  const linked = new Set<string>();
  for (const from of ['docs', ...children('packages'), ...children('examples'), '.']) {
    for (const name of dependencies(join(root, from, 'node_modules'))) {
      if (linked.has(name) || skip(name)) continue;
      linked.add(name);
      const link = join(folder, name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(realpathSync(join(root, from, 'node_modules', name)), link);
    }
  }
  for (const name of children('packages')) {
    const link = join(folder, '@omnitenant', name.replace('packages/', ''));
    if (linked.has(`@omnitenant/${name.replace('packages/', '')}`) || skip(`@omnitenant/${name}`)) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, name), link);
  }
}

function dependencies(folder: string): string[] {
  return list(folder).flatMap((name) => {
    if (name.startsWith('.')) return [];
    return name.startsWith('@') ? list(join(folder, name)).map((inner) => `${name}/${inner}`) : [name];
  });
}

function children(folder: string): string[] {
  return list(join(root, folder)).map((name) => `${folder}/${name}`);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withoutComments } from './packages.ts';

/** The names that a module exports; types are marked so. Read from its text: types leave no trace at run time. */
export function exportedNames(file: string): string[] {
  const names = new Set<string>();
  let rest = withoutComments(readFileSync(file, 'utf8'));
  function take(pattern: RegExp, found: (match: RegExpExecArray) => void) {
    for (const match of rest.matchAll(pattern)) found(match);
    rest = rest.replace(pattern, '');
  }
  take(/\bexport\s+(type\s+)?\{([^}]*)\}/g, ([, allTypes, list = '']) => {
    for (const item of list.split(',').map((text) => text.trim())) {
      const [, isType, name] = /^(type\s+)?(?:[\w$]+\s+as\s+)?([\w$]+)$/.exec(item) ?? [];
      if (name) names.add(allTypes || isType ? `type ${name}` : name);
    }
  });
  take(/\bexport\s+(type\s+)?\*\s+from\s+['"](\.[^'"]+)['"]/g, ([, allTypes, target = '']) => {
    for (const name of exportedNames(join(dirname(file), target))) {
      names.add(allTypes && !name.startsWith('type ') ? `type ${name}` : name);
    }
  });
  take(/\bexport\s+(?:declare\s+)?(interface|type)\s+([\w$]+)/g, ([, , name]) => names.add(`type ${name}`));
  take(
    /\bexport\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|class|function\*?)\s+([\w$]+)/g,
    ([, name = '']) => names.add(name),
  );
  const unread = /^\s*export\b.*/m.exec(rest);
  if (unread) throw new Error(`${file}: what does this export? ${unread[0]}`);
  const plain = (name: string) => name.replace(/^type /, '');
  return [...names].sort((a, b) => plain(a).localeCompare(plain(b), 'en'));
}

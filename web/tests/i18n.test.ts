// @vitest-environment node
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import en from '../src/i18n/en.json';
import ko from '../src/i18n/ko.json';
import { type Source, sources } from './sources';

type Catalogue = { [key: string]: string | Catalogue };

function flatten(catalogue: Catalogue, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(catalogue).flatMap(([key, value]): [string, string][] =>
      typeof value === 'string'
        ? [[`${prefix}${key}`, value]]
        : [...flatten(value, `${prefix}${key}.`)],
    ),
  );
}

const english = flatten(en);
const korean = flatten(ko);
const files = sources();

const placeholders = (text: string): string[] =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '').sort();

interface Use {
  readonly file: string;
  /** Matches the keys the call may ask for: itself, a template with holes, or a plural's base. */
  readonly pattern: RegExp;
  readonly written: string;
}

function parse({ name, text }: Source): ts.SourceFile {
  return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function usesIn(source: Source): Use[] {
  const uses: Use[] = [];
  walk(parse(source), (node) => {
    if (!ts.isCallExpression(node) || node.expression.getText() !== 't') return;
    const [key] = node.arguments;
    if (!key) return;
    const literally = (part: string) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const body = ts.isStringLiteralLike(key)
      ? literally(key.text)
      : ts.isTemplateExpression(key)
        ? literally(key.head.text) +
          key.templateSpans.map((span) => `\\w+${literally(span.literal.text)}`).join('')
        : null;
    if (body === null) throw new Error(`${source.name}: t(${key.getText()}) cannot be checked`);
    uses.push({
      file: source.name,
      pattern: new RegExp(`^${body}(_one|_other)?$`),
      written: key.getText(),
    });
  });
  return uses;
}

describe('the catalogues', () => {
  it('have the same keys in both languages', () => {
    expect([...korean.keys()]).toEqual([...english.keys()]);
  });

  it('fill the same placeholders in both languages', () => {
    for (const [key, text] of english)
      expect(placeholders(korean.get(key) ?? ''), key).toEqual(placeholders(text));
  });

  it('leave no text empty', () => {
    for (const [key, text] of [...english, ...korean]) expect(text.trim(), key).not.toBe('');
  });

  it('are really translated: Korean texts hold Hangul unless they are names of formats', () => {
    const latin = [...korean].filter(([, text]) => !/[가-힣]/.test(text)).map(([key]) => key);
    expect(latin).toEqual(['series.by', 'watch.format_dash', 'watch.format_hls']);
  });
});

describe('the sources', () => {
  const uses = files.flatMap(usesIn);

  it('ask only for keys that exist', () => {
    expect(uses.length).toBeGreaterThan(150);
    const unknown = uses.filter((use) => ![...english.keys()].some((key) => use.pattern.test(key)));
    expect(unknown.map((use) => `${use.file}: ${use.written}`)).toEqual([]);
  });

  it('use every key of the catalogue', () => {
    const unused = [...english.keys()].filter((key) => !uses.some((use) => use.pattern.test(key)));
    expect(unused).toEqual([]);
  });

  it('hold no user-visible text of their own', () => {
    expect(files.flatMap(hardCodedTexts)).toEqual([]);
  });

  it('would notice a hard-coded text', () => {
    const text = '<p title="Hello">Good <b>morning</b> {done ? "Yes" : t("a.b")}</p>';
    expect(hardCodedTexts({ name: 'x.tsx', text })).toEqual([
      'x.tsx: Hello',
      'x.tsx: Good',
      'x.tsx: morning',
      'x.tsx: Yes',
    ]);
  });
});

const TEXT_ATTRIBUTES = new Set([
  'title',
  'aria-label',
  'label',
  'placeholder',
  'alt',
  'description',
  'text',
  'lead',
  'error',
]);
const LETTERS = /\p{L}{2,}/u;

function hardCodedTexts(source: Source): string[] {
  if (!source.name.endsWith('.tsx')) return [];
  const found: string[] = [];
  const note = (text: string) => {
    if (LETTERS.test(text)) found.push(`${source.name}: ${text.trim()}`);
  };
  walk(parse(source), (node) => {
    if (ts.isJsxText(node)) note(node.text);
    if (ts.isJsxAttribute(node) && TEXT_ATTRIBUTES.has(node.name.getText())) {
      if (node.initializer && ts.isStringLiteral(node.initializer)) note(node.initializer.text);
      else if (node.initializer && ts.isJsxExpression(node.initializer))
        literals(node.initializer.expression, note);
    }
    if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent))
      literals(node.expression, note);
  });
  return found;
}

/** String literals that an expression may show: its branches, not the arguments of the calls in it. */
function literals(node: ts.Expression | undefined, note: (text: string) => void): void {
  if (!node) return;
  if (ts.isStringLiteralLike(node)) note(node.text);
  if (ts.isTemplateExpression(node))
    for (const span of [node.head, ...node.templateSpans.map((one) => one.literal)])
      note(span.text);
  if (ts.isParenthesizedExpression(node)) literals(node.expression, note);
  if (ts.isConditionalExpression(node)) {
    literals(node.whenTrue, note);
    literals(node.whenFalse, note);
  }
  if (
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind !== ts.SyntaxKind.EqualsEqualsEqualsToken
  )
    literals(node.right, note);
}

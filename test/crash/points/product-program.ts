import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { productSources } from './product-sources';

const PROJECT = resolve(__dirname, '../../..');

/**
 * The product, type-checked as far as it is asked about.
 * @param planted a file that is not there: its path from the project's root, and its text
 */
export function productProgram(planted: { readonly path: string; readonly text: string } | null = null): ts.Program {
  const config = ts.readConfigFile(join(PROJECT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent({ ...(config.config as object), files: [] }, ts.sys, PROJECT);
  const host = ts.createCompilerHost(options, true);
  if (!planted) return ts.createProgram(productSources(), options, host);
  const path = join(PROJECT, planted.path);
  const isPlanted = (name: string): boolean => resolve(name) === path;
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => isPlanted(name) || fileExists(name);
  host.readFile = (name) => (isPlanted(name) ? planted.text : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    isPlanted(name)
      ? ts.createSourceFile(name, planted.text, ts.ScriptTarget.Latest, true)
      : getSourceFile(name, ...rest);
  host.directoryExists = (name) => name === dirname(path) || ts.sys.directoryExists(name);
  return ts.createProgram([path], options, host);
}

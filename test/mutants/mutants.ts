import { CRASH_MUTANTS } from './crash-mutants';
import { ENGINE_MUTANTS } from './engine-mutants';
import type { Mutant } from './mutant';
import { RULE_MUTANTS } from './rule-mutants';
import { RUNTIME_MUTANTS } from './runtime-mutants';
import { SEARCH_MUTANTS } from './search-mutants';
import { SIMULATOR_MUTANTS } from './simulator-mutants';
import { STORE_MUTANTS } from './store-mutants';

export const MUTANTS: readonly Mutant[] = [
  ...RULE_MUTANTS,
  ...ENGINE_MUTANTS,
  ...SEARCH_MUTANTS,
  ...SIMULATOR_MUTANTS,
  ...STORE_MUTANTS,
  ...RUNTIME_MUTANTS,
  ...CRASH_MUTANTS,
];

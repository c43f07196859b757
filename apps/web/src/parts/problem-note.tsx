import { ApiProblem } from '@crewtab/api-client/api-problem';
import { RotateCw } from 'lucide-react';
import { Button } from './button';

/** A request that failed, where its answer would stand. */
export function ProblemNote({ error, onRetry }: { readonly error: Error; readonly onRetry?: () => void }) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 rounded-md bg-failed-soft px-3 py-2 text-sm">
      <span>{describeProblem(error)}</span>
      {onRetry && (
        <Button onClick={onRetry}>
          <RotateCw className="size-3.5" aria-hidden /> Try again
        </Button>
      )}
    </div>
  );
}

export function describeProblem(error: Error): string {
  return error instanceof ApiProblem ? error.message : 'The server did not answer.';
}

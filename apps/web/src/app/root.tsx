import { useQuery } from '@tanstack/react-query';
import { callerQuery } from '../api/queries';
import { ProblemNote } from '../parts/problem-note';
import { LogIn } from './log-in';
import { Shell } from './shell';

/** The pages for those who are logged in, the log-in for others, at every address. */
export function Root() {
  const { data: caller, error, refetch } = useQuery(callerQuery);
  if (error)
    return (
      <div className="p-6">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </div>
    );
  if (caller === undefined) return null;
  return caller === null ? <LogIn /> : <Shell />;
}

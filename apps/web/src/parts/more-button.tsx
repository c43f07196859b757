import { Button } from './button';

/** Leads on in a list that comes in pages; nothing behind its end. */
export function MoreButton({
  list: { hasNextPage, isFetchingNextPage, fetchNextPage },
  children,
}: {
  readonly list: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
  readonly children: React.ReactNode;
}) {
  if (!hasNextPage) return null;
  return (
    <div className="p-4 text-center">
      <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
        {isFetchingNextPage ? 'Loading …' : children}
      </Button>
    </div>
  );
}

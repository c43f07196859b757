import { Link } from '@tanstack/react-router';

/** What belongs to teams: themselves, and what their agents are given. */
export function TeamTabs() {
  return (
    <nav aria-label="Teams" className="flex gap-1 border-b border-line px-4 rail:px-6">
      <Tab to="/teams">Teams</Tab>
      <Tab to="/teams/secrets">Secrets</Tab>
    </nav>
  );
}

function Tab({ to, children }: { readonly to: '/teams' | '/teams/secrets'; readonly children: string }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: true }}
      className="-mb-px border-b-2 border-transparent px-3 py-2 text-soft hover:text-ink data-[status=active]:border-accent data-[status=active]:font-medium data-[status=active]:text-ink"
    >
      {children}
    </Link>
  );
}

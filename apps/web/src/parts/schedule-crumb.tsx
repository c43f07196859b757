import { Link } from '@tanstack/react-router';

export function ScheduleCrumb() {
  return (
    <>
      <Link to="/schedules" className="text-soft hover:text-ink">
        Schedules
      </Link>
      <span className="text-soft" aria-hidden>
        /
      </span>
    </>
  );
}

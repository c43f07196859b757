import { createContext, useContext, useEffect, useState } from 'react';

/** Whether the row that asks is the one that the address, or a search, leads to. */
export const ChosenRow = createContext(false);

/** Whether a row shows all that it has: one that a person is led to does, until they close it. */
export function useOpen(): readonly [boolean, (isOpen: boolean) => void] {
  const isChosen = useContext(ChosenRow);
  const [isOpen, setOpen] = useState(isChosen);
  useEffect(() => {
    if (isChosen) setOpen(true);
  }, [isChosen]);
  return [isOpen, setOpen];
}

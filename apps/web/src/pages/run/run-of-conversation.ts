import { createContext } from 'react';

/** The id of the run whose conversation is shown; empty: none is. */
export const RunOfConversation = createContext('');

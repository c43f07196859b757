import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no root');
createRoot(root).render(
  <StrictMode>
    <main className="p-8">
      <h1>Crewtab</h1>
      <a href="/api/docs">REST API</a> <a href="/queues">Queues</a>
    </main>
  </StrictMode>,
);

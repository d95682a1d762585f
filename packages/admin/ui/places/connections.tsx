import { signal } from '@preact/signals';
import type { Connections } from '../../src/schemas/fleet.ts';
import { apiUrl, useGet } from '../api.ts';
import { Chart } from '../parts/chart.tsx';
import { Figures } from '../parts/facts.tsx';
import { plural } from '../parts/format.tsx';
import { Panel, Show } from '../parts/states.tsx';
import { tone } from '../parts/tone.ts';

type Server = Connections['servers'][string];

interface Sample extends Connections {
  readonly at: number;
}

const everyMs = 2_000;
const kept = 300;

/** What was seen since these pages were opened, ten minutes at most. */
const samples = signal<readonly Sample[]>([]);

/** The budget of each server, who waits for it, and both over time. */
export function ConnectionsPlace() {
  const connections = useGet<Connections>(apiUrl('connections'), everyMs);
  remember(connections.value);
  return (
    <>
      <header class="title">
        <h1>Connections</h1>
        <p class="quiet">Of the process that answers these pages. Each keeps a budget of its own.</p>
      </header>
      <Show of={connections}>
        {({ servers, process }) => (
          <>
            {Object.keys(servers).length === 0 && <p class="quiet">No server is in use.</p>}
            {Object.entries(servers).map(([name, server]) => (
              <ServerPanel key={name} name={name} server={server} process={process} />
            ))}
          </>
        )}
      </Show>
    </>
  );
}

function ServerPanel({ name, server, process }: { name: string; server: Server; process: string }) {
  const { max, inUse, idle, waiting, heldBack, waited, waitedMs, refused, shareExhausted, opened } = server;
  // Behind a balancer any process answers, and each has connections of its own.
  const history = samples.value.filter((sample) => sample.process === process && sample.servers[name]);
  const valuesOf = (key: keyof Server) => history.map(({ servers }) => servers[name]?.[key] ?? 0);
  const free = Math.max(0, max - inUse - idle);
  return (
    <Panel title={name} aside={<span class="quiet">{plural(max, 'connection')} at most</span>}>
      <div class="budget" role="img" aria-label={`${inUse} of ${max} in use, ${idle} idle`}>
        <i style={{ flexGrow: inUse, ...tone('c1') }} />
        <i style={{ flexGrow: idle, ...tone('idle') }} />
        <i style={{ flexGrow: free, ...tone('raised') }} />
      </div>
      <Figures
        of={{
          'In use': inUse,
          Idle: idle,
          Free: free,
          Waiting: waiting,
          'Over share': heldBack,
          Refused: refused + shareExhausted,
          'Mean wait, ms': waited && Math.round(waitedMs / waited),
          Opened: opened,
        }}
        warns={['Waiting', 'Over share', 'Refused']}
      />
      {history.length > 1 && (
        <Chart
          title={`Over time, of ${process}`}
          times={history.map(({ at }) => at)}
          series={[
            { label: 'in use', color: 1, values: valuesOf('inUse') },
            { label: 'open', color: 2, values: valuesOf('open') },
            { label: 'waiting', color: 3, values: valuesOf('waiting') },
            { label: 'budget', color: 4, values: valuesOf('max'), dashed: true },
          ]}
        />
      )}
    </Panel>
  );
}

function remember(value: Connections | undefined): void {
  const last = samples.peek().at(-1);
  if (!value || last?.servers === value.servers) return;
  samples.value = [...samples.peek(), { at: Math.round(Date.now() / 1000), ...value }].slice(-kept);
}

import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import type { OperatorView } from '../src/schemas/fleet.ts';
import { apiUrl, useGet } from './api.ts';
import { startKeys } from './keys.ts';
import { openPalette, Palette } from './palette.tsx';
import { Questions } from './parts/dialog.tsx';
import { Operations } from './parts/operations.tsx';
import { AuditPlace } from './places/audit.tsx';
import { ConnectionsPlace } from './places/connections.tsx';
import { FleetPlace } from './places/fleet.tsx';
import { MigrationsPlace } from './places/migrations.tsx';
import { TenantPlace } from './places/tenant.tsx';
import { UsagePlace } from './places/usage.tsx';
import { route } from './router.ts';
import { Shell } from './shell.tsx';

function Place({ me }: { me: OperatorView | undefined }) {
  const [first, id] = route.value.path;
  useEffect(() => {
    document.title = `${id ?? first ?? 'fleet'} · omnitenant`;
    scrollTo(0, 0);
  }, [first, id]);
  if (first === 'tenants' && id) return <TenantPlace id={id} may={me?.permissions ?? []} />;
  if (first === 'migrations') return <MigrationsPlace may={me?.permissions ?? []} />;
  if (first === 'connections') return <ConnectionsPlace />;
  if (first === 'usage') return <UsagePlace />;
  if (first === 'audit') return <AuditPlace />;
  return <FleetPlace may={me?.permissions ?? []} />;
}

function App() {
  const me = useGet<OperatorView>(apiUrl('operator'));
  return (
    <>
      <Shell operator={me.value?.id}>
        <Place me={me.value} />
      </Shell>
      <Palette />
      <Questions />
      <Operations />
    </>
  );
}

startKeys(openPalette);
render(<App />, document.body);

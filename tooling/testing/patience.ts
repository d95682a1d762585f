import { vi } from 'vitest';

// A wait is over as soon as what it waits for is there. Vitest gives up after one second, which a busy machine may well need.
const { waitFor, waitUntil } = vi;
const patient = { timeout: 60_000 };
vi.waitFor = (work, options) => waitFor(work, { ...patient, ...(options as object) });
vi.waitUntil = (work, options) => waitUntil(work, { ...patient, ...(options as object) });

/** A company as the example's data describes it: customers, their projects, and the tasks of each. */
export interface CompanyData {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  readonly domain: string;
  /** Of its pages. */
  readonly color: string;
  readonly suspended?: boolean;
  readonly customers: Readonly<Record<string, Readonly<Record<string, Tasks>>>>;
}

interface Tasks {
  readonly done: readonly string[];
  readonly open: readonly string[];
}

/** Four companies that have nothing in common, so that a row in the wrong place shows at once. */
export const companies: readonly CompanyData[] = [
  {
    id: 'acme',
    name: 'Acme Rockets',
    plan: 'business',
    domain: 'tracker.acme.example',
    color: '#b93c0b',
    customers: {
      'Lunar Freight': {
        'Reusable fairing': {
          done: ['Wind tunnel run at Mach 2', 'Choose the parachute supplier'],
          open: ['Drop test over the lake', 'Write the recovery checklist', 'Weigh the hinge brackets'],
        },
        'Cargo manifest portal': { done: ['Draw the screens'], open: ['Import last year’s manifests'] },
      },
      'Baikal Observatory': {
        'Weather balloon launcher': {
          done: ['Site visit', 'Order the helium valves'],
          open: ['Calibrate the pressure gauges', 'Train the night crew'],
        },
      },
      'Polar Relay': {
        'Antenna deployment arm': {
          done: [],
          open: ['Vibration test', 'Thermal model of the arm', 'Book the cleanroom'],
        },
      },
    },
  },
  {
    id: 'bloom',
    name: 'Bloom & Stem',
    plan: 'free',
    domain: 'projects.bloom.example',
    color: '#2c7a4b',
    customers: {
      'Hotel Miramar': {
        'Roof terrace': {
          done: ['Measure the sun hours', 'Choose drought-proof herbs'],
          open: ['Plant the olive trees', 'Lay the drip lines'],
        },
        'Lobby flowers': { done: ['Agree on the season’s colours'], open: ['Order peonies for June'] },
      },
      'City of Oldenbrook': {
        'Station square': { done: ['Soil samples'], open: ['Replace the dead linden', 'Label the rose beds'] },
      },
    },
  },
  {
    id: 'cobalt',
    name: 'Cobalt Shipyard',
    plan: 'enterprise',
    domain: 'yard.cobalt.example',
    color: '#2450b8',
    customers: {
      'Ferry Lines North': {
        'MS Halcyon refit': {
          done: ['Dock the ship', 'Strip the car deck', 'Survey the hull plates'],
          open: ['Replace 14 hull plates', 'Overhaul the bow thruster', 'Repaint below the waterline'],
        },
        'MS Petrel engines': { done: ['Lift out engine two'], open: ['Balance the crankshaft', 'Sea trial'] },
      },
      'Harbour Pilots': {
        'Pilot boat 7': { done: ['Lines drawing'], open: ['Cut the keel', 'Order the jets'] },
        'Pilot boat 8': { done: [], open: ['Reserve a slipway'] },
      },
      'Coast Research': { 'RV Kittiwake winch': { done: ['Load test'], open: ['Grease plan for the crew'] } },
    },
  },
  {
    id: 'drift',
    name: 'Drift Surf School',
    plan: 'free',
    domain: 'tasks.drift.example',
    color: '#0e7490',
    suspended: true,
    customers: {
      'Summer camp': { 'Beginners’ week': { done: [], open: ['Wax the boards', 'Print the tide tables'] } },
    },
  },
];

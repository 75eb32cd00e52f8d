import type { Projector } from '../../projection/projector.ts';
import type { IdentityMethods } from '../services.ts';

type IdentityOptions = {
  /** CSI's plugin name, e.g. `lantern.csi.dev`. */
  readonly driverName: string;
  readonly vendorVersion: string;
  readonly projector: Pick<Projector, 'isReady'>;
};

export function identityService({ driverName, vendorVersion, projector }: IdentityOptions): IdentityMethods {
  return {
    getPluginInfo: () => ({ name: driverName, vendorVersion }),
    getPluginCapabilities: () => ({ capabilities: [{ service: { type: 'CONTROLLER_SERVICE' } }] }),
    probe: () => ({ ready: { value: projector.isReady } }),
  };
}

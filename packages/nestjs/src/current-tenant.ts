import { createParamDecorator } from '@nestjs/common';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';

/**
 * A parameter that is the current tenant. Throws OUTSIDE_SCOPE, or NOT_IN_TENANT in central.
 * @example
 * @Get() show(@CurrentTenant() tenant: Company) { return tenant.name; }
 */
export const CurrentTenant: () => ParameterDecorator = createParamDecorator((): Tenant => {
  const scope = currentScope();
  if (scope?.kind === 'tenant') return scope.tenant;
  throw scope === undefined
    ? new TenancyError('OUTSIDE_SCOPE', 'There is no current tenant: the handler runs outside all scopes.')
    : new TenancyError('NOT_IN_TENANT', 'There is no current tenant: the handler runs in central.');
});

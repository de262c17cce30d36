// Whether the schema posthorn is ours alone: whoever else may make things in it has our sessions run them.
import type pg from "pg";

import { StartError } from "../kernel/errors.ts";

type Found = {
  role: string;
  owner: string;
  /** The owner is this role or one that it is a member of, by a grant and not as a superuser. */
  is_ours: boolean;
  /** A superuser gives its own rights to whoever owns what it uses. */
  is_beneath: boolean;
  creator: string | null;
  maker: string | null;
};

/** Throws a StartError where somebody else may create in the schema, or owns it. `toMigrate`: we are about to. */
export async function refuseSharedSchema(client: pg.ClientBase, toMigrate: boolean): Promise<void> {
  const { rows } = await client.query<Found>(`
    select current_user as role, owner.rolname as owner,
      owner.rolname = current_user or not own.rolsuper and pg_has_role(owner.oid, 'usage') as is_ours,
      own.rolsuper and not owner.rolsuper as is_beneath,
      (
        select case given.grantee when 0 then 'public' else pg_get_userbyid(given.grantee) end
        from aclexplode(n.nspacl) as given
        where given.privilege_type = 'CREATE' and given.grantee <> n.nspowner
        limit 1
      ) as creator,
      (
        select pg_get_userbyid(made.owner) from (
          select proowner from pg_catalog.pg_proc where pronamespace = n.oid
          union select oprowner from pg_catalog.pg_operator where oprnamespace = n.oid
          union select typowner from pg_catalog.pg_type where typnamespace = n.oid
          union select relowner from pg_catalog.pg_class where relnamespace = n.oid
        ) as made (owner)
        where made.owner not in (n.nspowner, own.oid) and made.owner is distinct from migrations.relowner
        limit 1
      ) as maker
    from pg_catalog.pg_namespace as n
    join pg_catalog.pg_roles as owner on owner.oid = n.nspowner
    join pg_catalog.pg_roles as own on own.rolname = current_user
    left join pg_catalog.pg_class as migrations on migrations.oid = to_regclass('posthorn.migrations')
    where n.nspname = 'posthorn'`);
  const [found] = rows;
  if (!found) return; // there is none yet
  const { role, owner, creator, maker } = found;
  if (toMigrate ? !found.is_ours : found.is_beneath)
    throw new StartError(
      `DATABASE_URL: the schema posthorn belongs to the role ${owner}, who could have posthorn do anything with the rights of ${role}: connect as ${owner}, or, where what is in it can be trusted: alter schema posthorn owner to ${role}`,
    );
  if (creator !== null)
    throw new StartError(
      `DATABASE_URL: the role ${creator} may create in the schema posthorn, and so have its functions run with the rights of ${role}: revoke create on schema posthorn from ${creator}`,
    );
  if (maker !== null)
    throw new StartError(
      `DATABASE_URL: in the schema posthorn there are things of the role ${maker}: drop them, or have them owned by ${owner}`,
    );
}

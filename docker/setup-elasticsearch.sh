#!/usr/bin/env bash
# One shot, at every start: Kibana's own password, a user for glucoflow that may touch its own indices and templates
# only, and one that makes people's spaces, roles and dashboards. Passwords go by standard input, never by arguments.
set -euo pipefail
put() { # path, body
  local body=${2//\"/\\\"}
  printf 'user = "elastic:%s"\nurl = "%s%s"\nrequest = "%s"\ndata = "%s"\n' \
    "$ELASTIC_PASSWORD" "$ES_ENDPOINT" "$1" "${3:-PUT}" "$body" |
    curl -sf -H 'Content-Type: application/json' -o /dev/null -K -
}

until put /_security/user/kibana_system/_password "{\"password\":\"$KIBANA_PASSWORD\"}" POST; do sleep 2; done
# Snapshots only where backups use them; where they are kept, its administrator says.
snapshots=${BACKUP_SNAPSHOT_REPOSITORY:+,\"cluster:admin/snapshot/*\"}
put /_security/role/glucoflow_writer "{\"cluster\":[\"monitor\",\"manage_index_templates\"$snapshots],\"indices\":[{\"names\":[\"${ES_INDEX:-cgm-}*\",\"glucoflow-*\"],\"privileges\":[\"all\"]}]}"
put /_security/user/glucoflow "{\"password\":\"$ES_PASSWORD\",\"roles\":[\"glucoflow_writer\"]}"
# Spaces and dashboards need Kibana's own rights, roles need manage_security; neither reads an index.
put /_security/role/glucoflow_provisioner '{"cluster":["manage_security"],"indices":[]}'
put /_security/user/glucoflow-provisioner "{\"password\":\"$KIBANA_PROVISION_PASSWORD\",\"roles\":[\"kibana_admin\",\"glucoflow_provisioner\"]}"
echo "users are set up"

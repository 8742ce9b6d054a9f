#!/usr/bin/env bash
# One shot: Kibana's own password, and a user for glucoflow that may touch its own indices and templates only.
set -euo pipefail
call() { curl -sf -u "elastic:$ELASTIC_PASSWORD" -H 'Content-Type: application/json' "$ES_ENDPOINT$1" "${@:2}" >/dev/null; }

until call /_security/user/kibana_system/_password -X POST -d "{\"password\":\"$KIBANA_PASSWORD\"}"; do sleep 2; done
call /_security/role/glucoflow_writer -X PUT -d "{
  \"cluster\": [\"monitor\", \"manage_index_templates\"],
  \"indices\": [{\"names\": [\"${ES_INDEX:-cgm-}*\", \"glucoflow-*\"], \"privileges\": [\"all\"]}]
}"
call /_security/user/glucoflow -X PUT -d "{\"password\": \"$ES_PASSWORD\", \"roles\": [\"glucoflow_writer\"]}"
echo "users are set up"

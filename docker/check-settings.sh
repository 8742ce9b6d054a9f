#!/usr/bin/env bash
# One shot, before anything else starts: every password is there and usable, or one message names all that are not.
set -u
problems=()
for name in ELASTIC_PASSWORD ES_PASSWORD KIBANA_PASSWORD KIBANA_PROVISION_PASSWORD KIBANA_KEY POSTGRES_PASSWORD \
            STORE_PASSWORD PREFECT_STORE_PASSWORD PREFECT_PASSWORD WEB_PASSWORD GLUCOFLOW_TOKEN_KEY; do
  value=${!name-}
  if [ -z "$value" ]; then
    problems+=("$name is not set")
  elif [ "$name" = GLUCOFLOW_TOKEN_KEY ]; then
    [[ $value =~ ^[A-Za-z0-9_=,-]+$ ]] || problems+=("$name is no Fernet key")
  elif [ "$name" != WEB_PASSWORD ] && [[ ! $value =~ ^[A-Za-z0-9]+$ ]]; then
    problems+=("$name must be letters and digits only")
  elif [ "$name" = KIBANA_KEY ] && [ ${#value} -lt 32 ]; then
    problems+=("$name must have at least 32 characters")
  elif [ ${#value} -lt 8 ]; then
    problems+=("$name must have at least 8 characters")
  fi
done
[ ${#problems[@]} -eq 0 ] && exit 0
printf 'Nothing was started. In .env (`sh docker/init.sh` writes one, .env.example explains):\n' >&2
printf '  - %s\n' "${problems[@]}" >&2
exit 78

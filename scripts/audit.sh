# shellcheck shell=bash
# What the program is made of: known vulnerabilities, a bill of materials, licences.

AUDIT=$VAR/audit

# run_audit: every check runs, and the first failure does not hide the others.
run_audit() {
  local failed=()
  mkdir -p "$AUDIT"
  environment_of "$AUDIT/tools" requirements/audit.txt
  environment_of "$AUDIT/program" requirements/main.txt
  check "bill_of_materials" "$AUDIT/sbom.json"
  check "licences" "$AUDIT/licences.md"
  check "vulnerabilities" requirements/main.txt
  check "vulnerabilities" requirements/dev.txt
  if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
  say "see ${AUDIT#"$ROOT/"}/sbom.json and licences.md"
}

# What is installed, in CycloneDX's format, with versions, licences and what needs what.
bill_of_materials() { # FILE
  "$AUDIT/tools/bin/cyclonedx-py" environment --pyproject pyproject.toml --output-reproducible \
    --of JSON -o "$1" "$AUDIT/program/bin/python"
}

licences() { # FILE
  "$AUDIT/program/bin/python" -m scripts.licences >"$1"
}

# A package that cannot be looked up counts as a failure, too.
vulnerabilities() { # REQUIREMENTS
  "$AUDIT/tools/bin/pip-audit" --strict --require-hashes --disable-pip --progress-spinner off \
    --requirement "$1"
}

# METADATA
# title: A secret in Git is encrypted
# description: |
#   Whoever can read the repository, now or later, can read every value that was ever committed in plain text: encrypt
#   the file with SOPS, and replace the secret itself, since the old commit stays. The rule checks the values of Secrets
#   that Flux applies, wherever they are in Git: in a file of any name, a patch, a generator, a replacement, a variable
#   of spec.postBuild or of a ConfigMap. In files that Flux does not apply it checks the values of Secrets (in Lists and
#   patches too) and the literals and files of secretGenerators. It finds private keys, kubeconfigs with a credential,
#   well-known tokens and URLs with a password anywhere.
#
#   The metadata of SOPS prove nothing: a value outside the encrypted region is checked like any other. In an object
#   that is not a Secret, a value that is a credential by its form is an error. A value that a generator of passwords
#   has written is a warning there under the name of a credential. So is any value under such a name in the template of
#   an ExternalSecret or a SealedSecret, and in a Secret inside a text, such as a manifest in a ConfigMap. A creation
#   rule of .sops.yaml that leaves out data or stringData of Secrets is a warning.
#
#   Accepted are variables (${NAME}), references that another tool fills in, in their whole form (op://vault/item/field,
#   vault:path#key), empty values, placeholders, certificates, public keys and names of algorithms. Text beside a
#   variable and a default (${NAME:=text}) are values. A key whose name says that it holds a setting (a size, a class, a
#   path) is accepted. One that holds nothing secret by its name (a user name, a host) is an error only where the same
#   document holds a secret in plain text; alone it is an information, and beside variables, as in a template, nothing.
#   A value that may be either is a warning in a template and in a file that Flux does not apply, unless its key names a
#   password, token or key. A Secret that is still empty in a file called *.sops.* is an information, since the next
#   value is easily committed in plain text. Examples (*.example, *.sample) are checked only where Flux applies them.
# related_resources:
#   - ref: https://fluxcd.io/flux/guides/mozilla-sops/
#     description: Manage Kubernetes secrets with Flux and SOPS
#   - ref: https://getsops.io/docs/
#     description: SOPS
# custom:
#   severity: error
#   subjects:
#     - File
#   admission: never
#   fix: Encrypt the file with SOPS, and replace the secret, which stays readable in the Git history.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go:1051
package rules["secret-encrypted"]

import data.lib.files

violation contains {
	"origin": {"file": input.file.path, "document": document.index},
	"field": value.field,
	"message": sprintf("%s%s", [_wrong(i, value), _why(i)]),
	"severity": severity,
} if {
	some i, document in _documents
	some value in document.values
	severity := _severity(i, value)
}

# The file's name says that it is encrypted, and it is not: the next value is easily committed in plain text.
violation contains {
	"origin": {"file": input.file.path, "document": document.index},
	"field": ["metadata", "name"],
	"message": sprintf("the file of Secret %q is called %q and is not encrypted", [document.name, base]),
	"severity": "info",
} if {
	some i, document in _documents
	not i in _encrypted
	document.kind == "Secret"
	count(document.values) > 0
	every value in document.values { value.class == "empty" }
	parts := split(input.file.path, "/")
	base := parts[count(parts) - 1]
	regex.match(`\.sops\.(ya?ml|json)$`, base)
}

# What a creation rule does not encrypt, of a Secret that exists or of the next one.
violation contains {
	"origin": {"file": input.file.path, "document": 0},
	"field": gap.field,
	"message": sprintf("%s of the creation rule does not encrypt %s of Secrets", [gap.selector, gap.part]),
	"severity": "warning",
	"fix": "Encrypt both parts in the creation rule, with encrypted_regex ^(data|stringData)$.",
	"related": [{"message": "a Secret that the rule is for", "origin": origin} | some origin in gap.secrets],
} if {
	some gap in input.file.regionGaps
}

# Functions take the number of a document in this list: one that takes a whole document costs what
# that is long, at each call.
_documents := [document |
	not files.example
	some document in input.file.documents
]

_encrypted := {i |
	some i, document in _documents
	is_object(document.encryption)
}

_holders := {"Secret", "generator", "patch"}

_severity(i, value) := "error" if _grave(i, value)

else := "warning" if value.class == "address"

else := "warning" if {
	_plain(value)
	not _harmless(value)
} else := "warning" if {
	value.class == "plain"
	value.in == "beside"
} else := "info" if {
	_plain(value)
	not _setting(value)
	not i in _templates
	not i in _encrypted
}

_grave(_, value) if _loud(value)

# An address in a file that nothing reconciles may be that of somebody's own test.
_grave(_, value) if {
	value.class == "address"
	count(input.file.reachedBy) > 0
}

_grave(i, value) if {
	_plain(value)
	not _harmless(value)
	_certain(i, value)
}

# What stands beside a leak that Flux applies is no secret of its own, but lies as open. Beside ciphertexts
# it was left out on purpose.
_grave(i, value) if {
	_plain(value)
	not _setting(value)
	not i in _encrypted
	i in _leaking
	count(input.file.reachedBy) > 0
}

# These tell themselves, wherever they are.
_loud(value) if value.class in {"pem", "kubeconfig", "token"}

_plain(value) if {
	value.class == "plain"
	value.in in _holders
}

# A secretGenerator takes whole files too, and most of those are settings: the name must speak for itself.
_plain(value) if {
	value.class == "plain"
	value.in == "file"
	regex.match(`pass|token|secret|cred|[-_.]key$`, _key(value))
}

# A set that is written as one is made once; of "contains" each question that has no answer costs the whole body again.
_leaking := {i |
	some i, document in _documents
	some value in document.values
	_leaks(i, value)
}

_leaks(_, value) if {
	value.in in _holders
	_names[value.class]
}

_leaks(i, value) if {
	_plain(value)
	not _harmless(value)
	_certain(i, value)
}

# In a template the secrets are the variables, and a file that nothing reconciles may be none of the fleet's: there the
# key must speak for itself.
_certain(i, _) if {
	not i in _templates
	count(input.file.reachedBy) > 0
}

# Names of programs, authentik and Keycloak, are no such words.
_certain(_, value) if regex.match(_certain_key, _key(value))

_certain_key := `pass|pwd|secret|token|key([^a-z]|s?$)|cred|auth([^a-z]|$)|authorization|private|salt|seed|pin$`

_templates := {i |
	some i, document in _documents
	some value in document.values
	value.in in _holders
	value.class in {"var", "ref"}
}

# What the key's name says to be no secret. An address that holds a password has a class of its own.
_harmless(value) if {
	regex.match(_harmless_key, _key(value))
	not regex.match(`secret[-_]?id$`, _key(value))
}

_harmless(value) if _setting(value)

# What the key's name says to be a setting, which tells nothing of anybody.
_setting(value) if {
	regex.match(_setting_key, _key(value))
	not regex.match(`(user|login|secret|account)[-_. ]?name$`, _key(value))
}

_setting_key := concat("", [
	`^(.*[-_. ])?(`,
	`cipher|algorithm|alg|size|length|bits|count|class|handle|provider|type|kind|mode|format|level|version|enabled|disabled|debug|`,
	`driver|interval|period|timeout|ttl|retries|retention|schedule|cron|limit|max|min|replicas|storage[-_]?class|storageclass|sslmode|`,
	`timezone|tz|locale|lang|language|name|namespace|cluster[-_]?id|path|prefix|suffix|log[-_]?level`,
	`)$`,
])

_harmless_key := concat("", [
	`^(.*[-_. ])?(`,
	`user|username|user[-_]?name|login|email|mail|host|hostname|server|endpoint|url|uri|address|port|database|db|db[-_]?name|`,
	`dbname|bucket|region|zone|domain|repository|repo|org|organization|project|tenant|realm|issuer|scope|scopes|provider|type|`,
	`name|namespace|cluster|version|enabled|schema|sslmode|timezone|tz|account|client[-_]?id|access[-_]?key[-_]?id|`,
	`([a-z0-9]+[-_])?id|ca|crt|cert|certificate|pub|known[-_]?hosts|path|driver|interval|period|timeout|log[-_]?level`,
	`)$`,
])

# The key in the Secret, or the leaf's own, in lower case, words apart: "adminPassword" is
# "admin_password". A literal has none.
_key(value) := lower(regex.replace(last, `([a-z0-9])([A-Z])`, "${1}_${2}")) if {
	last := _name(value)
	is_string(last)
} else := ""

_name(value) := object.get(value, "key", value.field[count(value.field) - 1])

_is_literal(value) if {
	value.in == "generator"
	value.field[0] == "secretGenerator"
}

_why(i) := sprintf(", since %s leaves it out", [_documents[i].encryption.selector]) if {
	i in _encrypted
} else := ""

_wrong(i, value) := sprintf("a %s%s is not encrypted", [_names[value.class], _in(i)]) if {
	_names[value.class]
	not _is_literal(value)
} else := sprintf("a %s in the literal %q of a secretGenerator is not encrypted", [_names[value.class], value.key]) if {
	_names[value.class]
	value.key
} else := sprintf("the literal %q of a secretGenerator is not encrypted", [value.key]) if {
	_is_literal(value)
	value.key
} else := sprintf("%q in Secret %q is not encrypted", [_name(value), value.secret]) if {
	value.secret
} else := "a value that this patch puts into a Secret is not encrypted" if {
	value.in == "patch"
} else := sprintf("%q%s is not encrypted", [_name(value), _in(i)]) if {
	_key(value) != ""
} else := "a literal of a secretGenerator is not encrypted"

_names := {
	"address": "URL with a password",
	"kubeconfig": "kubeconfig with a credential",
	"pem": "private key",
	"token": "token",
}

_in(i) := sprintf(" in %s %q", [_documents[i].kind, _documents[i].name]) if {
	_documents[i].name != ""
	not startswith(_documents[i].name, "ENC[")
	not startswith(_documents[i].kind, "ENC[")
} else := ""

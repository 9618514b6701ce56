package secret

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// hole stands where a variable or a directive was.
const hole = '\x00'

// isMixed tells a text that something fills in, and literal is what is in the clear in it all the same: the text
// with a hole in the place of each ${NAME} and {{ directive }}, and with the default of ${NAME:=default} in its
// place.
//
// Source: fluxcd/pkg envsubst parse/parse.go for the forms of a variable; an escaped $${NAME} is one of somebody
// else's.
func isMixed(text string) (literal string, ok bool) {
	if strings.Contains(text, "<<") {
		text = resourceSetInput.ReplaceAllString(text, "{{$1}}")
	}
	if !strings.Contains(text, "${") && !strings.Contains(text, "{{") {
		return "", false
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "${")
		if i < 0 {
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		inner, rest, found := "", "", false
		if strings.HasPrefix(text, "{{") {
			if end := strings.Index(text[2:min(len(text), maxVariable)], "}}"); end >= 0 {
				inner, rest, found = text[2:2+end], text[4+end:], true
			}
		} else if strings.HasPrefix(text, "${") {
			inner, rest, found = cutBrace(text[2:])
		}
		var fallback string
		if found && text[0] == '$' {
			fallback, found = variableDefault(inner)
		} else if found {
			fallback, found = directiveDefault(inner)
		}
		if !found {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		ok = true
		if fallback == "" {
			fallback = string(hole)
		}
		b.WriteString(fallback)
		text = rest
	}
	b.WriteString(text)
	return b.String(), ok
}

// maxVariable bounds a variable and a directive, in bytes.
const maxVariable = 1 << 10

// cutBrace cuts a text at the brace that closes it.
func cutBrace(text string) (before, after string, found bool) {
	for depth, i := 0, 0; i < min(len(text), maxVariable); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return text[:i], text[i+1:], true
			}
			depth--
		}
	}
	return "", "", false
}

// variableDefault is the default in what stands between the braces of a variable, and whether that is a variable at
// all.
func variableDefault(inner string) (fallback string, ok bool) {
	name := leading(strings.TrimPrefix(inner, "#"), "_.")
	rest := inner[strings.Index(inner, name)+len(name):]
	if name == "" || name[0] >= '0' && name[0] <= '9' && name != inner {
		return "", false
	}
	switch {
	case rest == "":
		return "", true
	case strings.HasPrefix(rest, ":=") || strings.HasPrefix(rest, ":-") || strings.HasPrefix(rest, ":+") ||
		strings.HasPrefix(rest, ":?"):
		fallback = rest[2:]
	case rest[0] == '=' || rest[0] == '-' || rest[0] == '+' || rest[0] == '?':
		fallback = rest[1:]
	case name == "vault":
		return "", isVaultPath(strings.TrimPrefix(rest, ":"))
	default:
		return "", strings.IndexByte(":/#%^,@[", rest[0]) >= 0
	}
	fallback = Unquote(fallback) // the text is read as YAML once more after the substitution
	if literal, mixed := isMixed(fallback); mixed {
		return literal, true
	}
	return fallback, true
}

var (
	directiveText    = regexp.MustCompile(`^-?\s*["'` + "`" + `]([^"'` + "`" + `]*)["'` + "`" + `]\s*(?:\||-?$)`)
	directiveDefault = func(inner string) (string, bool) {
		if m := directiveText.FindStringSubmatch(inner); m != nil {
			return m[1], true
		}
		if m := orElse.FindStringSubmatch(inner); m != nil {
			return m[1], true
		}
		return "", strings.TrimSpace(inner) != ""
	}
	orElse = regexp.MustCompile(`\bdefault\s*\(?\s*["'` + "`" + `]([^"'` + "`" + `]*)["'` + "`" + `]`)
)

// resourceSetInput is a directive in a template of a ResourceSet. The Flux Operator puts the input there, which
// is judged where it stands.
var resourceSetInput = regexp.MustCompile(`<<([^<>{}$]{0,200}\binputs\b[^<>{}$]{0,200})>>`)

// minLiteral is how many letters and digits a text beside a variable has at least, to be a part of a credential.
const minLiteral = 3

// classifyMixed is Variable where what is literal in a text beside its variables is no credential: the address, the
// host and the path around one, the scheme of an authorization, the user before a password.
func classifyMixed(key, text, literal string) fleet.Class {
	if strings.HasPrefix(text, "{{") {
		if class := classifyLiteral(key, text, literal); class != fleet.Variable {
			return class
		}
		return fleet.Ref
	}
	return classifyLiteral(key, text, literal)
}

func classifyLiteral(key, text, literal string) fleet.Class {
	if class := shape(literal); class != "" {
		return class
	}
	if literalCredential(literal) {
		return fleet.Plain
	}
	promises := PromisesCredential(key)
	if strings.Contains(literal, "\n") || isAround(literal, promises) {
		return fleet.Variable
	}
	if !strings.ContainsRune(literal, hole) { // nothing but defaults: what a text is that stands there by itself
		namesField := slices.Contains(fieldWords, strings.ToLower(literal))
		if classify(key, literal) == fleet.Plain && (promises && !namesField || !isObjectName(literal)) {
			return fleet.Plain
		}
		return fleet.Variable
	}
	rest := strings.TrimFunc(strings.ReplaceAll(literal, string(hole), ""), func(r rune) bool {
		return r < 0x80 && !isAlphanumeric(byte(r))
	})
	letters := 0
	for i := range len(rest) {
		if isAlphanumeric(rest[i]) || rest[i] >= 0x80 {
			letters++
		}
	}
	switch {
	case letters < minLiteral, isPlaceholder(rest), isTokenPrefix(rest), !promises && isObjectName(rest):
		return fleet.Variable
	}
	return fleet.Plain
}

// isTokenPrefix is true for what the tokens of an issuer begin with.
func isTokenPrefix(text string) bool {
	text = strings.Trim(text, "-_.")
	return slices.ContainsFunc(tokenShapes[:], func(t tokenShape) bool { return strings.Trim(t.prefix, "-_.") == text })
}

var (
	// addressAround is an address; its password has been looked at.
	addressAround = regexp.MustCompile(`^["']?[A-Za-z][A-Za-z0-9+.:-]*://`)
	// schemeAround is an authorization, and a user before a password that is filled in.
	schemeAround = regexp.MustCompile(
		`(?i)^(?:authorization: *)?(?:bearer|basic|token|apikey|api-key|key|geniekey|digest|bot|splunk|negotiate)\s+\x00$|^[^\s:\x00]{1,64}:\x00$`)
	// settingsAround are name=value pairs, as a database's driver and a query have them, and a command line; and JSON.
	settingsAround = regexp.MustCompile(
		`^\x00\?[\w.-]+=|^[\w.-]+=\S*(?:[\s;&,]+[\w.-]+=\S*)+;?$|^\s*[{\[]["'\s{\[]|--?[\w-]+[= ]["']?\x00`)
	pair = regexp.MustCompile(`([\w.-]+)["']?\s*[=:]\s*["']?([^\s"',;&}\]]+)`)
	// nameAround is a variable in a host, a mail address or a path.
	nameAround = regexp.MustCompile(`[./@:]\x00|\x00[./@:]`)
)

// isAround tells texts whose form has a place for the variable, and none for a credential beside it. Under a name
// that promises nothing a host or a path are such as well.
func isAround(literal string, promises bool) bool {
	switch {
	case addressAround.MatchString(literal), schemeAround.MatchString(literal):
		return true
	case settingsAround.MatchString(literal):
		for _, m := range pair.FindAllStringSubmatch(literal, -1) {
			if PromisesCredential(m[1]) && !strings.ContainsRune(m[2], hole) && classify(m[1], m[2]) == fleet.Plain {
				return false
			}
		}
		return true
	}
	return !promises && nameAround.MatchString(literal)
}

// credentialWords are the last words of names that promise a credential, in lower case.
var credentialWords = []string{"password", "passwd", "passphrase", "passcode", "pass", "pwd", "pw", "token",
	"secret", "apikey", "secretkey",
	"privatekey", "credential", "credentials", "accesskey", "authkey", "secretaccesskey", "encryptionkey",
	"masterkey", "signingkey",
	"sharedkey", "accountkey", "tokens", "passwords", "secrets", "authtoken", "psk", "htpasswd"}

// keyWords stand before "key" in the name of one that is secret.
var keyWords = []string{"api", "secret", "private", "access", "auth", "encryption", "master", "signing", "shared",
	"account", "hmac", "jwt",
	"app", "application", "license", "integration", "service", "session", "cookie", "crypto", "ssh",
	"tls", "age", "server", "client"}

// PromisesCredential is true for a name whose last words are those of a credential: DB_PASSWORD, apiKey, db.pass, key.
func PromisesCredential(key string) bool {
	words := nameWords(key)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if slices.Contains(credentialWords, last) {
		return true
	}
	if last == "key" || last == "keys" {
		return len(words) == 1 || slices.Contains(keyWords, words[len(words)-2])
	}
	return slices.ContainsFunc([]string{"password", "passwd", "passphrase", "token", "secret", "apikey",
		"privatekey"}, func(word string) bool {
		return strings.HasSuffix(last, word)
	})
}

// nameWords are the words of a name in lower case; of a path the last part.
func nameWords(key string) (words []string) {
	key = key[strings.LastIndexByte(key, '/')+1:]
	start := 0
	for i := range len(key) {
		c := key[i]
		switch {
		case !isAlphanumeric(c):
			if start < i {
				words = append(words, strings.ToLower(key[start:i]))
			}
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && key[i-1] >= 'a' && key[i-1] <= 'z':
			words = append(words, strings.ToLower(key[start:i]))
			start = i
		}
	}
	if start < len(key) {
		words = append(words, strings.ToLower(key[start:]))
	}
	return words
}

// The references that another tool replaces by the secret, or opens itself, each in the whole form that the tool
// asks for.
var (
	// https://developer.1password.com/docs/cli/secret-reference-syntax
	onePassword = regexp.MustCompile(`^op://[^/\s]+/[^/\s][^/\n]*/[^/\s][^\n]*$`)
	// https://bank-vaults.dev/docs/mutating-webhook/configuration/: a path, a key, a version
	vaultPath = regexp.MustCompile(`^[^\s#/]+(?:/[^\s#/]+)+#[^\s#]+(?:#\d+)?$|^v\d+:[A-Za-z0-9+/=]{16,}$`)
	// https://argocd-vault-plugin.readthedocs.io/en/stable/howitworks/
	argoVault = regexp.MustCompile(`^<path:[^\s#>]+/[^\s#>]+#[^#>\n]+(?:#[^#>\n]+)?>$`)
	// https://github.com/helmfile/vals
	vals = regexp.MustCompile(`^(?:secret)?ref\+[a-z0-9]+(?:\+[a-z]+)?://[^\s]+$`)
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html
	awsSecret = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+$`)
	// ciphertext of Ansible Vault:
	// https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html
	ansibleVault = regexp.MustCompile(`^\$ANSIBLE_VAULT;1\.\d;AES256[^\n]*\s+[0-9a-f\s]{64,}$`)
	// of the container's environment, or of kustomize
	containerVariable = regexp.MustCompile(`^(?:\$\([A-Z_][A-Z0-9_]*\))+$`)
)

func isReference(text string) bool {
	switch text[0] {
	case 'o':
		return onePassword.MatchString(text)
	case 'v', '>':
		path, ok := strings.CutPrefix(strings.TrimPrefix(text, ">>"), "vault:")
		return ok && isVaultPath(path)
	case '<':
		return argoVault.MatchString(text)
	case 'r', 's':
		return vals.MatchString(text)
	case 'a':
		return awsSecret.MatchString(text)
	case '$':
		return containerVariable.MatchString(text) || ansibleVault.MatchString(text)
	case '-':
		return isArmored(text, "AGE ENCRYPTED FILE") || isArmored(text, "PGP MESSAGE")
	}
	return false
}

func isVaultPath(path string) bool { return vaultPath.MatchString(path) }

// isArmored is true for one or more PEM blocks with a label, and nothing else.
func isArmored(text, label string) bool {
	for rest := text; ; {
		body, ok := strings.CutPrefix(rest, "-----BEGIN "+label+"-----")
		body, after, closed := strings.Cut(body, "-----END "+label+"-----")
		if !ok || !closed || !isArmor(body) {
			return false
		}
		if rest = strings.TrimSpace(after); rest == "" {
			return true
		}
	}
}

func isArmor(body string) bool {
	if strings.Contains(body, `\n`) {
		body = strings.ReplaceAll(body, `\n`, "\n")
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, ": ") || strings.HasPrefix(line, "=") { // a header or OpenPGP's checksum
			continue
		}
		for i := range len(line) {
			if c := line[i]; !isAlphanumeric(c) && c != '+' && c != '/' && c != '=' {
				return false
			}
		}
	}
	return true
}

// algorithm is the name of a cipher, a hash, a signature or a way to derive a key, as libraries write it.
var algorithm = regexp.MustCompile(`(?i)^(?:` +
	`(?:aes|serpent|twofish|camellia|aria)(?:[-_]?(?:128|192|256))?(?:[-_](?:xts|cbc|gcm|ctr|ecb|ccm|siv|cfb|ofb))?(?:[-_](?:plain|plain64|plain64be|essiv:sha256|random|null|pkcs5|pkcs7))?(?:[-_](?:128|192|256))?` +
	`|x?chacha20(?:[-_]?poly1305)?|(?:hmac[-_]?)?(?:md5|sha[-_]?(?:1|224|256|384|512|512/256|3[-_](?:224|256|384|512)))|blake(?:2[bs]|3)|whirlpool|ripemd160` +
	`|[hrep]s(?:256|384|512)|eddsa|es256k|ed25519|ed448|rsa[-_]?(?:1024|2048|3072|4096|8192)?|ecdsa(?:[-_]?p?(?:256|384|521))?|secp(?:256[rk]1|384r1|521r1)|prime256v1|curve25519|x25519` +
	`|argon2(?:i|d|id)?|pbkdf2?(?:[-_]?(?:hmac[-_]?)?sha(?:1|256|512))?|scrypt|bcrypt|scram[-_]sha[-_](?:1|256|512)` +
	`)$`)

// isPublic is true for what anybody may read: the name of an algorithm, a certificate, a public key.
func isPublic(text string) bool {
	switch {
	case len(text) <= 40 && algorithm.MatchString(text):
		return true
	case sshPublicKey.MatchString(text):
		return !strings.Contains(text, "\n")
	case !strings.HasPrefix(text, "-----BEGIN "):
		return false
	}
	rest := text
	for rest != "" {
		label, after, ok := strings.Cut(strings.TrimPrefix(rest, "-----BEGIN "), "-----")
		if !ok || !strings.HasPrefix(rest, "-----BEGIN ") || !slices.Contains(publicBlocks, label) {
			return false
		}
		body, after, closed := strings.Cut(after, "-----END "+label+"-----")
		if !closed || !isArmor(body) {
			return false
		}
		rest = strings.TrimSpace(strings.TrimPrefix(after, `\n`))
	}
	return true
}

var publicBlocks = []string{"CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "EC PARAMETERS", "DH PARAMETERS",
	"X509 CRL", "CERTIFICATE REQUEST",
	"TRUSTED CERTIFICATE", "PGP PUBLIC KEY BLOCK"}

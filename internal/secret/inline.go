package secret

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// inlineCredential is true for a text in which a credential is given a value in some way: an assignment in a script, a
// configuration or a connection string, a parameter of an address, the user's part of one, a header. It says what must
// not be shown and not what is a fault, so it rather takes a word for a password than the reverse.
func inlineCredential(text string) bool {
	// Most texts are a word, in which there is nothing to find.
	if len(text) < minToken && !strings.ContainsAny(text, "=:@ ") {
		return false
	}
	switch {
	case strings.Contains(text, ageKey) && identity.MatchString(text),
		strings.Contains(text, pemKey) && keyBegins.MatchString(text), hasAssignment(text), hasUser(text), userAt(text):
		return true
	case containsAny(text, "hooks.slack.com/services/", "/api/webhooks/") && webhook.MatchString(text),
		strings.Contains(text, "</") && element(text):
		return true
	case !strings.Contains(text, " "):
		return false
	case strings.Contains(text, "value=") && attribute.MatchString(text),
		containsAny(text, "password", "passwd", "passphrase", "requirepass", "masterauth") &&
			strings.Contains(text, "\n") && directive.MatchString(text):
		return true
	}
	// To look for a word costs little beside an expression.
	return containsAny(text, "earer ", "asic ", "oken ", "EARER ", "ASIC ", "OKEN ") && header.MatchString(text) ||
		containsAny(text, "login ", "-u ", "-user") && login.MatchString(text) ||
		strings.Contains(text, " -") && hasFlag(text, " \t")
}

var (
	// identity finds what begins like an age identity, whole or not.
	identity = regexp.MustCompile(ageKey + `[0-9A-Za-z]{8,}`)
	// keyBegins finds the first line of a private key, however short.
	keyBegins = regexp.MustCompile(pemKey + `(?: BLOCK)?-----[\s\\nr]*[A-Za-z0-9+/=]{16}`)
	// header finds the credential of an Authorization header.
	header = regexp.MustCompile(
		`(?i)\b(?:bearer|basic|token)[ \t]+["']?(?:[A-Za-z0-9._~+/-]*[^A-Za-z\s"',;.][A-Za-z0-9._~+/=-]{3,}|[A-Za-z0-9._~+/=-]{16,})`)
	// login finds a user with a password in a .netrc, or behind curl's -u.
	login = regexp.MustCompile(`\blogin\s+\S+\s+password\s+\S|(?:^|\s)(?:-u|--user)[ =]["']?[^\s:]+:[^\s$]`)
	// atHost finds user:password@host without a scheme; name:tag@sha256:… is an image.
	atHost = regexp.MustCompile(`(?:^|[\s"'=])[A-Za-z0-9_.+-]+:([^\s@:"'$]{6,})@([A-Za-z0-9(\[][A-Za-z0-9]*)`)
	// webhook finds an address that is the credential itself.
	webhook = regexp.MustCompile(`(?:hooks\.slack\.com/services|/api/webhooks)/\S{16}`)
	// tag and attribute find a value in XML.
	tag       = regexp.MustCompile(`<([A-Za-z][\w.-]*)>\s*([^<\s][^<]*)</`)
	attribute = regexp.MustCompile(`(?i)(?:password|token|secret|apikey)"\s+value="[^"]`)
	// directive finds a line of two words, the first of which promises a password: requirepass in redis.conf.
	directive = regexp.MustCompile(
		`(?m)^[ \t]*(?:requirepass|masterauth|\w*password|\w*passwd|\w*passphrase)[ \t]+[^\s=:{(]\S{5,}[ \t]*$`)
)

func element(text string) bool {
	for _, m := range tag.FindAllStringSubmatch(text, -1) {
		if promises(m[1], m[2]) && !onlyVariable(m[2]) && !isSetting(m[2]) {
			return true
		}
	}
	return false
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// space is what stands between words, and quote what may stand around them.
const space, quote = " \t\r\n\f", `"'`

// userAt looks for user:password@host in the words that have an "@", of which most texts have none.
func userAt(text string) bool {
	for {
		at := strings.IndexByte(text, '@')
		if at < 0 {
			return false
		}
		start, end := 1+strings.LastIndexAny(text[:at], space), len(text)
		if length := strings.IndexAny(text[at:], space); length >= 0 {
			end = at + length
		}
		for _, m := range atHost.FindAllStringSubmatch(text[start:end], -1) {
			if m[2] != "sha256" && m[2] != "sha512" {
				return true
			}
		}
		text = text[end:]
	}
}

// hasFlag is true for a text, a command line for one, in which a flag gives a credential in the clear. Between its name
// and the value stand characters of sep: "=" in --password=x, blanks in --password x.
func hasFlag(text, sep string) bool {
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '-')
		if i < 0 {
			return false
		}
		at := from + i
		from = at + 1
		if at > 0 && strings.IndexByte(space+quote, text[at-1]) < 0 {
			continue
		}
		rest := strings.TrimPrefix(text[from:], "-")
		name := leading(rest, "_.-")
		rest = rest[len(name):]
		from = len(text) - len(rest)
		value := strings.TrimLeft(trimQuote(rest), sep)
		if name == "" || !isLetter(name[0]) || len(value) == len(trimQuote(rest)) {
			continue
		}
		value = trimQuote(value)
		if end := strings.IndexAny(value, space+quote); end >= 0 {
			value = value[:end]
		}
		if value != "" && isCredentialFlag(name, value) {
			return true
		}
	}
}

func trimQuote(text string) string {
	if text != "" && strings.IndexByte(quote, text[0]) >= 0 {
		return text[1:]
	}
	return text
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

const (
	// maxAddress bounds an address, in bytes.
	maxAddress = 2048
	// minUser is the length of the shortest user of an address that may be a token: git is none.
	minUser = 4
)

// hasUser is true where an address has a password, or over HTTP a user alone, which a token may be. The
// percent-encoding is decoded first: no form of a password is harmless for how it is written.
func hasUser(text string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return false
		}
		scheme, rest := text[from:from+i], text[from+i+3:]
		rest = rest[:min(len(rest), maxAddress)]
		from += i + 3
		if end := strings.IndexAny(rest, " \t\r\n\"'`,?#"); end >= 0 {
			rest = rest[:end]
		}
		at := strings.LastIndexByte(rest, '@')
		if at <= 0 {
			continue
		}
		user, password, _ := strings.Cut(rest[:at], ":")
		if slash := strings.IndexByte(user, '/'); slash >= 0 {
			continue // an "@" in a path
		}
		if decoded, err := url.PathUnescape(password); err == nil {
			password = decoded
		}
		isHTTP := strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https")
		if isHTTP && len(user) >= minUser && !onlyVariable(user) || password != "" && !onlyVariable(password) {
			return true
		}
	}
}

// isUserAlone is true for one address with a user and nothing else that is secret. The rest of it says where it leads.
func isUserAlone(text string) bool {
	if strings.Count(text, "://") != 1 || strings.ContainsAny(text, " \t\r\n\"'`?#") || !hasUser(text) {
		return false
	}
	_, rest, _ := strings.Cut(text, "://")
	return !strings.Contains(rest[:strings.LastIndexByte(rest, '@')], ":")
}

// onlyVariable is true for a text that somebody else replaces as a whole: ${NAME}, $(NAME), $NAME, {{ … }}.
func onlyVariable(text string) bool {
	if text == "" {
		return true
	}
	return (text[0] >= utf8.RuneSelf || strings.IndexByte("$ {%*.", text[0]) >= 0) && variableAlone.MatchString(text)
}

var variableAlone = regexp.MustCompile(
	`^\s*(?:\$\{[A-Za-z_]\w*\}|\$\(\w+\)|\$\w+|\{\{[^{}]*\}\}|%s|\*+|•+|…|\.\.\.)?\s*$`)

// hasAssignment finds NAME=value and NAME: value with a name that promises a credential, anywhere in a text.
func hasAssignment(text string) bool {
	for at := range len(text) {
		if text[at] != '=' && text[at] != ':' {
			continue
		}
		name := nameBefore(text, at)
		if name == "" || strings.IndexByte(lastLetters, name[len(name)-1]) < 0 {
			continue
		}
		rest := text[at+1:]
		rest = strings.TrimPrefix(rest, "=") // :=, ==
		if text[at] == ':' && rest != "" && strings.IndexByte(" \t\"'\r\n", rest[0]) < 0 {
			continue
		}
		value := valueAfter(rest)
		if value != "" && !onlyVariable(value) && promises(name, value) && !isSetting(value) {
			return true
		}
	}
	return false
}

// nameBefore is the name that ends before a separator, quotes and spaces left out; empty where there is none.
func nameBefore(text string, at int) string {
	end := at
	for end > 0 && strings.IndexByte(" \t\"'", text[end-1]) >= 0 && at-end < 8 {
		end--
	}
	start := end
	for start > 0 && end-start < 64 && (isAlphanumeric(text[start-1]) || strings.IndexByte("_-.", text[start-1]) >= 0) {
		start--
	}
	return text[start:end]
}

// valueAfter is the word behind a separator; empty where nothing stands on the line. A variable is a
// part of it with its brackets.
func valueAfter(text string) string {
	text = strings.TrimLeft(text[:min(len(text), maxName)], " \t\"'")
	end := 0
	for end < len(text) && strings.IndexByte(" \t\r\n\"'`,;&})]", text[end]) < 0 {
		if text[end] == '$' || text[end] == '{' {
			for _, pair := range [][2]string{{"${", "}"}, {"$(", ")"}, {"{{", "}}"}} {
				if rest, ok := strings.CutPrefix(text[end:], pair[0]); ok {
					if close := strings.Index(rest, pair[1]); close >= 0 {
						end += 1 + close + len(pair[1])
					}
				}
			}
		}
		end++
	}
	return strings.TrimRight(text[:min(end, len(text))], `\`)
}

// lastLetters are those that a name may end in that promises a credential: most names are rejected by theirs,
// before anything is copied.
const lastLetters = "dDeEyYnNtTsSlLwWgGhH"

// promises is true for a name that promises a credential, one of those that only redaction takes for such too.
func promises(key, value string) bool {
	if holdsCredential(key, value) {
		return !isPath(value)
	}
	if key == "" || strings.IndexByte("gGeEtTsShH", key[len(key)-1]) < 0 {
		return false // most names are
	}
	switch name := foldName(key); name {
	case "sig", "signature", "xamzsignature", "pat", "pass":
		return true
	case "auth":
		return isBasicAuth(value)
	default:
		return endsIn(name, "pgpass", "dbpass") || isPassWord(key)
	}
}

// isPassWord is true for a name whose last word is pass: DB_PASS, dbPass.
func isPassWord(key string) bool {
	before, ok := strings.CutSuffix(key, "Pass")
	if ok {
		return before != ""
	}
	before, ok = strings.CutSuffix(strings.ToLower(key), "pass")
	return ok && before != "" && strings.IndexByte("-_.", before[len(before)-1]) >= 0
}

// isBasicAuth is true for the base64 of user:password.
func isBasicAuth(value string) bool {
	decoded, ok := decodeBase64(value)
	return ok && strings.Contains(decoded, ":")
}

// manyCredentials is true for a name whose list or mapping holds credentials: passwords, tokens.
func manyCredentials(key string) bool {
	return key != "" && (key[len(key)-1] == 's' || key[len(key)-1] == 'S') &&
		endsIn(foldName(key), "passwords", "tokens", "passphrases", "apikeys", "privatekeys", "credentials")
}

// namesInCredentials are the keys below credentials that hold none.
func namesInCredentials(key string) bool {
	switch foldName(key) {
	case "name", "user", "username", "email", "kind", "namespace", "secretname", "existingsecret", "secretref",
		"secretkeyref", "type", "path", "url":
		return true
	}
	return false
}

var (
	secretKind = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret`)
	dataPath   = regexp.MustCompile(`["'\s]/data(?:/|["'\s])`)
)

// secretInside is true for a text in which a Secret stands, or an operation on one's data.
func secretInside(text string) bool {
	return strings.Contains(text, "stringData") || strings.Contains(text, "Secret") && secretKind.MatchString(text) ||
		strings.Contains(text, "/data") && dataPath.MatchString(text)
}

// namedValue finds the name of a variable or parameter that promises a credential, inside a text.
var namedValue = regexp.MustCompile(`(?i)name["']?\s*:\s*["']?[\w.-]*(?:password|passwd|token|secret|api_?key)\b`)

// namesValue is true for a text in which namedValue finds one, beside a value.
func namesValue(text string) bool {
	return strings.Contains(text, "value") && containsFold(
		text, "password", "passwd", "token", "secret", "apikey", "api_key") && namedValue.MatchString(text)
}

// containsFold is true for a text with one of the words, which are in lower case, in any case.
func containsFold(text string, words ...string) bool {
	for i := range len(text) {
		for _, word := range words {
			if text[i]|0x20 == word[0] && len(text)-i >= len(word) && strings.EqualFold(text[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}

// mayEmbed is true for a text that may be a document of its own.
func mayEmbed(text string) bool {
	start := strings.TrimLeft(text, " ")
	return strings.Contains(text, "\n") || strings.Contains(text, ": ") ||
		start != "" && (start[0] == '{' || start[0] == '[' || strings.HasPrefix(start, "- "))
}

// redactText is a text that is a document of its own without the secrets in it: its leaves are redacted as those of
// any object. Where it has no such structure, being a script or a configuration of another form, all of it is a class;
// nil where it has no secret.
func redactText(text string) any {
	if !mayEmbed(text) {
		return nil
	}
	assigns := inlineCredential(text)
	if !assigns && !secretInside(text) && !namesValue(text) {
		return nil
	}
	plain := redaction(fleet.Plain, len(text))
	documents, ok := decodeDocuments(text)
	if !ok {
		return plain
	}
	found := false
	for i, document := range documents {
		if redacted := redactValue(around{}, document); redacted != nil {
			documents[i], found = redacted, true
		}
	}
	if !found && !assigns {
		return nil
	}
	out, err := encodeDocuments(documents, json.Valid([]byte(text))) // without comments
	if err != nil || !found && inlineCredential(out) {
		return plain
	}
	return out
}

// decodeDocuments decodes a text whose YAML documents are mappings or lists; false for any other.
func decodeDocuments(text string) (documents []any, ok bool) {
	if len(text) > maxInline {
		return nil, false
	}
	defer func() {
		if recover() != nil { // the parser recovers its own panics only
			documents, ok = nil, false
		}
	}()
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var document any
		switch err := dec.Decode(&document); {
		case errors.Is(err, io.EOF):
			return documents, len(documents) > 0
		case err != nil:
			return nil, false
		}
		switch document.(type) {
		case nil:
			continue
		case map[string]any, []any:
			documents = append(documents, document)
		default:
			return nil, false
		}
	}
}

func encodeDocuments(documents []any, isJSON bool) (string, error) {
	if isJSON {
		text, err := json.Marshal(documents[0])
		return string(text), err
	}
	var parts []string
	for _, document := range documents {
		text, err := yaml.Marshal(document)
		if err != nil {
			return "", err
		}
		parts = append(parts, string(text))
	}
	return strings.Join(parts, "---\n"), nil
}

// Package secret says what can be said of secret material without a key and without showing it: the class and the
// length of a value, the state of a SOPS-encrypted document, and an object with its secrets taken out.
//
// No function puts a value into an error or a message. Texts and Unquote return what they are given, for comparing.
package secret

import (
	"encoding/base64"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Classify gives the class of a string below the mapping key key, and its length in bytes: for a SOPS leaf, that of
// what it encrypts. The key may be empty.
func Classify(key, value string) (fleet.Class, int) {
	class := classify(key, value)
	return class, length(class, value)
}

func length(class fleet.Class, value string) int {
	if text := strings.TrimSpace(value); class == fleet.Encrypted && isCiphertext(text) {
		return plainLength(text)
	}
	return len(value)
}

// ClassifyData is Classify for an entry of a Secret's data: base64 is decoded first, and the length is that of the
// decoded bytes. Text that is no base64 is taken as it stands, and so is what substitution, SOPS or a person has yet to
// replace.
func ClassifyData(key, value string) (fleet.Class, int) {
	decoded, isBase64 := decodeBase64(value)
	if isBase64 {
		if class := classify(key, decoded); class != fleet.Plain {
			return class, len(decoded)
		}
	}
	if class, length := Classify(key, value); class != fleet.Plain || !isBase64 {
		return class, length
	}
	return fleet.Plain, len(decoded)
}

func classify(key, value string) fleet.Class {
	text := strings.TrimSpace(value)
	if text == "" {
		return fleet.Empty
	}
	if class := shape(text); class != "" {
		return class
	}
	if isReference(text) {
		return fleet.Ref
	}
	if class, ok := dockerConfig(key, text); ok {
		return class
	}
	if literal, ok := isMixed(text); ok {
		return classifyMixed(key, text, literal)
	}
	switch {
	case isPublic(text):
		return fleet.Public
	case isPlaceholder(text), isSetting(text), isKubeconfig(text), isEmptyPEM(text):
		return fleet.Empty
	}
	return fleet.Plain
}

// shape gives the class of a text that shows by itself what it is: Encrypted, Key, Kubeconfig, Token; else nothing.
// It runs on every string of every object, so each test begins with one that costs little.
func shape(text string) fleet.Class {
	if len(text) < minToken {
		return ""
	}
	if isCiphertext(text) {
		return fleet.Encrypted
	}
	if inner, ok := peel(text); ok {
		text = inner
	}
	switch {
	case keyAt(text) >= 0:
		return fleet.Key
	case isKubeconfig(text) && hasCredential(text):
		return fleet.Kubeconfig
	case hasToken(text):
		return fleet.Token
	case addressHasPassword(text):
		return fleet.Address
	case isEncryptedFile(text):
		return fleet.Encrypted
	}
	return ""
}

// peel decodes a text that is the base64 of a PEM block or of a Kubernetes object, as charts ask for them in values.
func peel(text string) (string, bool) {
	// "-----BEGIN", "apiVersion"
	if strings.HasPrefix(text, "LS0tLS1CRUdJTi") || strings.HasPrefix(text, "YXBpVmVyc2lvbj") {
		return decodeBase64(text)
	}
	return "", false
}

func decodeBase64(value string) (string, bool) {
	if strings.ContainsAny(value, " \t") {
		value = strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, value)
	}
	decoded, err := base64.StdEncoding.DecodeString(value)
	return string(decoded), err == nil
}

var (
	// assignment finds `password: x`, `API_TOKEN=x` and `"secret": "x"`, each on its own line.
	assignment = regexp.MustCompile(
		`(?m)^[ \t]*(?:export[ \t]+)?["']?([A-Za-z0-9_.-]{1,64})["']?[ \t]*[:=][ \t]*["']?([^\s"',#]{8,})["']?,?[ \t]*$`)
)

// literalCredential finds a credential that stands in the clear beside variables: the password in a URL, the value
// under a name that promises one.
func literalCredential(text string) bool {
	return urlPassword(text) || assigns(text)
}

// urlPassword is true where an address may have a password in it: https://user:password@host.
func urlPassword(text string) bool {
	for _, password := range userinfo(text) {
		if password != "" && isLiteral(password) {
			return true
		}
	}
	return false
}

// minAddressPassword is the length, in bytes, of the shortest password of an address that counts as one.
const minAddressPassword = 6

// patternPasswords stand where an address is explained.
var patternPasswords = []string{"password", "passwd", "secret", "mypassword", "yourpassword"}

// addressHasPassword is true where an address surely has a password in it that somebody chose: no default as
// guest:guest is, and no pattern of such addresses.
//
// Source: RFC 3986, section 3.2.1, for the characters.
func addressHasPassword(text string) bool {
	for user, password := range userinfo(text) {
		if len(password) >= minAddressPassword && password != user &&
			!slices.Contains(patternPasswords, strings.ToLower(password)) &&
			isLiteral(password) && strings.IndexFunc(escaped.ReplaceAllLiteralString(password, "_"),
			notInUserinfo) < 0 {
			return true
		}
	}
	return false
}

func notInUserinfo(r rune) bool {
	return r > unicode.MaxASCII || !isAlphanumeric(byte(r)) && !strings.ContainsRune("-._~!&()*+;=:@", r)
}

// userinfo are the users and passwords of the addresses in a text.
func userinfo(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for {
			_, rest, ok := strings.Cut(text, "://")
			if !ok {
				return
			}
			authority := rest
			if end := strings.IndexAny(rest, "/?# \t\r\n\"'`,"); end >= 0 {
				authority = rest[:end]
			}
			if at := strings.LastIndexByte(authority, '@'); at > 0 {
				user, password, _ := strings.Cut(authority[:at], ":")
				if !yield(user, password) {
					return
				}
			}
			text = rest
		}
	}
}

func assigns(text string) bool {
	if !strings.Contains(text, "\n") {
		return false
	}
	for _, m := range assignment.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[2], "/") || strings.Contains(m[2], "://") { // a path or an address
			continue
		}
		if holdsCredential(m[1], m[2]) && isLiteral(m[2]) {
			return true
		}
	}
	return false
}

// isLiteral is true for a text that nothing replaces. What is percent-encoded stands for a character.
func isLiteral(text string) bool {
	text = escaped.ReplaceAllStringFunc(text, unescapeByte)
	if strings.IndexByte(text, hole) >= 0 {
		text = strings.ReplaceAll(text, string(hole), "")
		if len(text) < minLiteral {
			return false
		}
	}
	return !strings.ContainsAny(text, "${}<>%") && !isPlaceholder(text)
}

// escaped is a percent-encoded byte: RFC 3986, section 2.1.
var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// unescapeByte is the letter or digit that a percent-encoded byte stands for, and "_" for any other.
func unescapeByte(text string) string {
	if c, err := strconv.ParseUint(text[1:], 16, 8); err == nil && isAlphanumeric(byte(c)) {
		return string(rune(c))
	}
	return "_"
}

// looksRandom is true for what a generator of passwords writes and a person does not: 32 hexadecimal digits, or 16
// letters and digits of all three kinds.
func looksRandom(text string) bool {
	var lower, upper, digit, hex, other int
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digit++
		case !strings.ContainsRune("+/=_-", rune(c)):
			other++
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
			hex++
		}
	}
	return hex >= 32 && hex == len(text) && digit > 0 && lower > 0 ||
		len(text) >= 16 && other == 0 && lower > 1 && upper > 1 && digit > 1
}

// looksGenerated is true for what looks random, and for a password of letters, digits and signs.
func looksGenerated(name, text string) bool {
	if looksRandom(text) {
		return true
	}
	var lower, upper, digit, sign int
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digit++
		case strings.IndexByte("!#%&*+-=?@^_~", c) >= 0:
			sign++
		default:
			return false
		}
	}
	words := nameWords(name)
	return endsIn(words[len(words)-1], "password", "passwd", "passphrase", "pass", "pwd") &&
		len(text) >= 12 && lower > 0 && upper > 0 && digit > 0 && sign > 0
}

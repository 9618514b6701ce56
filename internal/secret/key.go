package secret

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

const (
	pemKey = "PRIVATE KEY"
	ageKey = "AGE-SECRET-KEY-1"
	// minKeyBody is the least that a private key takes in base64: 48 bytes, an Ed25519 key in PKCS #8.
	minKeyBody = 64
	// maxKeyBody bounds the text between BEGIN and END, in bytes: an RSA key of 16384 bits takes 12 KiB.
	maxKeyBody = 64 << 10
)

// HasPrivateKey finds the first PEM private key or age identity in a file of any kind, and its line, counted from 1.
// A header with dots or words in the place of the key is none.
func HasPrivateKey(text []byte) (line int, ok bool) {
	at := -1
	if bytes.Contains(text, []byte(pemKey)) {
		at = keyAt(string(text))
	}
	if bytes.Contains(text, []byte(ageKey)) {
		if i := ageKeyAt(string(text)); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return 0, false
	}
	return 1 + bytes.Count(text[:at], []byte("\n")), true
}

// Telling is the line of a text, counted from 1, that shows by itself that it holds a secret, and what: a private key,
// wherever it stands, else the first token or address with a password.
func Telling(text []byte) (line int, class fleet.Class, ok bool) {
	if line, ok := HasPrivateKey(text); ok {
		return line, fleet.Key, true
	}
	if !utf8.Valid(text) {
		return 0, "", false
	}
	number := 0
	for part := range strings.Lines(string(text)) {
		number++
		switch {
		case hasToken(part) && !countsUp(part): // documentation counts
			return number, fleet.Token, true
		case class == "" && strings.Contains(part, "://") && addressHasPassword(part) && !isLocal.MatchString(part):
			line, class, ok = number, fleet.Address, true
		}
	}
	return line, class, ok
}

// Comments are the lines of a text with nothing but what stands behind a "#".
func Comments(text []byte) []byte {
	if bytes.IndexByte(text, '#') < 0 {
		return nil
	}
	out := make([]byte, 0, len(text)/4)
	for line := range bytes.Lines(text) {
		if _, comment, ok := bytes.Cut(line, []byte("#")); ok {
			out = append(out, bytes.TrimRight(comment, "\r\n")...)
		}
		out = append(out, '\n')
	}
	return out
}

// isLocal finds an address of the machine itself: somebody's own database while they develop.
var isLocal = regexp.MustCompile(`@(?:localhost|127\.0\.0\.1|\[::1\])(?:\W|$)`)

// keyAt is the offset of the first PEM private key with a body, OpenSSH's and OpenPGP's among them; -1 where there is
// none.
func keyAt(text string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], pemKey)
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + len(pemKey)
		begin := strings.LastIndex(text[max(0, at-40):at], "-----BEGIN ")
		if begin < 0 {
			continue
		}
		rest, ok := strings.CutPrefix(strings.TrimPrefix(text[from:], " BLOCK"), "-----")
		if !ok {
			continue
		}
		body, after, _ := strings.Cut(rest[:min(len(rest), maxKeyBody)], "-----")
		if strings.HasPrefix(after, "END ") && isKeyBody(body) {
			return max(0, at-40) + begin
		}
	}
}

// isKeyBody is true for base64, as long as a key at least, in comments too. Line ends may be escaped, as they are in
// JSON; headers (Proc-Type, Version) and OpenPGP's checksum are no part of it.
func isKeyBody(body string) bool {
	if strings.Contains(body, `\`) {
		body = strings.NewReplacer(`\r`, "", `\n`, "\n", `\`, "").Replace(body)
	}
	var seen [256]bool
	length, kinds := 0, 0
	for line := range strings.Lines(body) {
		line = strings.Trim(line, " \t\r\n\"'#")
		if line == "" || line[0] == '=' || strings.Contains(line, ": ") {
			continue
		}
		for _, c := range []byte(line) {
			if !isAlphanumeric(c) && c != '+' && c != '/' && c != '=' && c != ' ' {
				return false
			}
			length++
			if !seen[c] {
				seen[c] = true
				kinds++
			}
		}
	}
	return length >= minKeyBody && kinds >= 12
}

// isEmptyPEM is true for a PEM block that has no body yet: dots, crosses or words that say what is to come.
func isEmptyPEM(text string) bool {
	body, ok := strings.CutPrefix(text, "-----BEGIN ")
	if !ok || !strings.HasSuffix(text, "-----") {
		return false
	}
	_, body, _ = strings.Cut(body, "-----")
	body, _, _ = strings.Cut(body, "-----END ")
	body = strings.TrimSpace(strings.ReplaceAll(body, `\n`, "\n"))
	return !isKeyBody(body) && (strings.Contains(body, "...") || strings.Contains(body, "…") || isPlaceholder(body) ||
		names(words(body), true))
}

func ageKeyAt(text string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], ageKey)
		if i < 0 {
			return -1
		}
		if s := (tokenScan{run: text[from+i:]}); s.at(0) {
			return from + i
		}
		from += i + len(ageKey)
	}
}

// isKubeconfig is true for the text of a kubeconfig, in YAML or JSON.
func isKubeconfig(text string) bool {
	return len(text) > 40 && strings.Contains(text, "users") && strings.Contains(text, "clusters") &&
		strings.Contains(text, "Config") && kubeconfigKind.MatchString(text)
}

var (
	kubeconfigKind = regexp.MustCompile(`(?:^|[\n{,])\s*["']?kind["']?\s*:\s*["']?Config\b`)
	// kubeconfigUser finds the credentials of a user. The text is searched rather than parsed: it can be a
	// template, and it is of any size.
	kubeconfigUser = regexp.MustCompile(
		`[\s{,"'](client-key-data|token|password|id-token|access-token|refresh-token)["']?\s*:\s*(?:[|>][-+]?\s+)?["']?([^\s"',}]+)`)
)

// hasCredential is true for a kubeconfig that lets its holder in.
func hasCredential(kubeconfig string) bool {
	for _, m := range kubeconfigUser.FindAllStringSubmatch(kubeconfig, -1) {
		if isUserCredential(m[1], m[2]) {
			return true
		}
	}
	return false
}

// isUserCredential is true for the value of a kubeconfig user's entry that is a credential. One of a few characters
// fills a form: proxies that authenticate by other means ask for some token.
func isUserCredential(key, value string) bool {
	switch class, length := ClassifyData(key, value); class {
	case fleet.Key, fleet.Token, fleet.Kubeconfig:
		return true
	case fleet.Plain:
		switch key {
		case "client-key-data":
			return length >= 32
		case "password":
			return length >= 8
		}
		return len(value) >= 16
	}
	return false
}

package secret

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// tokenShape is how an issuer writes its credentials: a prefix, then at least min characters of an alphabet.
type tokenShape struct {
	prefix string
	extra  string // the characters after the prefix: letters, digits and these
	min    int
	exact  bool // exactly min characters
}

// minToken is less than the length of the shortest token, in bytes.
const minToken = 20

// tokenShapes are the credentials that fleets hold most, each as its issuer documents it.
var tokenShapes = [...]tokenShape{
	// https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
	{prefix: "ghp_", min: 36}, {prefix: "gho_", min: 36}, {prefix: "ghu_", min: 36}, {prefix: "ghs_", min: 36},
	{prefix: "ghr_", min: 36}, {prefix: "github_pat_", extra: "_", min: 60},
	// https://docs.gitlab.com/security/tokens/#token-prefixes
	{prefix: "glpat-", extra: "_-.", min: 20}, {prefix: "gldt-", extra: "_-.", min: 20},
	{prefix: "glrt-", extra: "_-.", min: 20}, {prefix: "glagent-", extra: "_-.", min: 40},
	// https://docs.slack.dev/authentication/tokens/
	{prefix: "xoxb-", extra: "-", min: 24}, {prefix: "xoxp-", extra: "-", min: 24},
	{prefix: "xoxe-", extra: "-", min: 24},
	{prefix: "xoxa-", extra: "-", min: 24}, {prefix: "xapp-", extra: "-", min: 24},
	// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
	{prefix: "hooks.slack.com/services/", extra: "/", min: 40},
	{prefix: "hooks.slack.com/workflows/", extra: "/", min: 40},
	// https://discord.com/developers/docs/resources/webhook
	{prefix: "discord.com/api/webhooks/", extra: "/_-", min: 60},
	{prefix: "discordapp.com/api/webhooks/", extra: "/_-", min: 60},
	// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
	{prefix: "webhook.office.com/webhookb2/", extra: "/@-", min: 60},
	// https://github.com/FiloSottile/age: Bech32 of 32 bytes
	{prefix: ageKey, min: 58, exact: true},
	// https://tailscale.com/kb/1277/key-prefixes
	{prefix: "tskey-", extra: "-", min: 24},
	// https://docs.k3s.io/cli/token: the hash of the cluster's CA comes first
	{prefix: "K10", extra: ":", min: 70},
	// https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
	{prefix: "hvs.", extra: "_-", min: 24}, {prefix: "hvb.", extra: "_-", min: 24},
	// https://developer.1password.com/docs/service-accounts/
	{prefix: "ops_eyJ", extra: "_-=", min: 100},
	// https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/: base64 of {"a":"…
	{prefix: "eyJhIjoi", extra: "+/=", min: 100},
	// https://docs.cloud.google.com/docs/authentication/api-keys
	{prefix: "AIza", extra: "_-", min: 35, exact: true},
	// https://docs.stripe.com/keys
	{prefix: "sk_live_", min: 24}, {prefix: "rk_live_", min: 24},
	// https://platform.claude.com/docs and https://platform.openai.com/docs
	{prefix: "sk-ant-", extra: "_-", min: 40}, {prefix: "sk-proj-", extra: "_-", min: 40},
	// https://huggingface.co/docs/hub/security-tokens
	{prefix: "hf_", min: 34, exact: true},
	// https://docs.docker.com/security/access-tokens/
	{prefix: "dckr_pat_", extra: "_-", min: 24},
	// https://www.twilio.com/docs/sendgrid
	{prefix: "SG.", extra: "_-.", min: 66, exact: true},
	// https://grafana.com/docs/grafana/latest/administration/service-accounts/
	{prefix: "glsa_", extra: "_", min: 41, exact: true},
	// https://docs.digitalocean.com/reference/api/create-personal-access-token/
	{prefix: "dop_v1_", min: 64, exact: true},
	// https://docs.npmjs.com/about-access-tokens
	{prefix: "npm_", min: 36, exact: true},
}

// tokenStarts are the first letters of the prefixes, and of a JWT.
const tokenStarts = "gxAhdwtKoesrSn"

// hasToken is true for a text in which a credential stands, as a word of its own. Only runs without a space that are
// long enough for one are looked at, which in most texts are few.
func hasToken(text string) bool {
	for start := 0; start+minToken <= len(text); {
		end := start
		for end < len(text) && text[end] > ' ' {
			end++
		}
		if end-start >= minToken && runHasToken(text[start:end]) {
			return true
		}
		start = end + 1
	}
	return false
}

func runHasToken(run string) bool {
	s, jwt := tokenScan{run: run}, jwtScan{}
	inWord := false
	for i := 0; i+minToken <= len(run); i++ {
		if !inWord && strings.IndexByte(tokenStarts, run[i]) >= 0 && (s.at(i) || jwt.at(run, i)) {
			return true
		}
		inWord = isAlphanumeric(run[i]) || run[i] == '_'
	}
	return false
}

// tokenScan finds credentials other than JWTs in one run, from its beginning to its end. A prefix may stand there again
// and again, so it keeps what it knows of the word that it is in: each byte is read a fixed number of times.
type tokenScan struct {
	run string
	// end is where the word ends that follows the prefix of a shape; before none no token of the shape begins.
	end, none [len(tokenShapes)]int
}

func (s *tokenScan) at(i int) bool {
	for k := range tokenShapes {
		t := &tokenShapes[k]
		if t.prefix[0] != s.run[i] || i < s.none[k] || !strings.HasPrefix(s.run[i:], t.prefix) {
			continue
		}
		from := i + len(t.prefix)
		if s.end[k] <= from {
			s.end[k] = from + len(leading(s.run[from:], t.extra))
		}
		n := s.end[k] - from
		if n < t.min || t.exact && n != t.min {
			continue
		}
		example := exampleIn(s.run[from:s.end[k]])
		if example < 0 {
			return true
		}
		s.none[k] = from + example
	}
	return false
}

// jwtScan finds signed JSON Web Tokens in one run, from its beginning to its end: RFC 7519, in the compact
// form of RFC 7515 section 7.1. It keeps what it knows of the header that it is in, so that each byte is
// read a fixed number of times.
type jwtScan struct {
	end    int  // where the header ends
	signed bool // a payload and a signature follow
}

const base64URL = "_-"

func (s *jwtScan) at(run string, i int) bool {
	if !strings.HasPrefix(run[i:], "eyJ") {
		return false
	}
	if i >= s.end {
		s.end = i + len(leading(run[i:], base64URL))
		payload, _ := strings.CutPrefix(run[s.end:], ".")
		payload, isObject := strings.CutPrefix(payload, "eyJ")
		signature, dotted := strings.CutPrefix(payload[len(leading(payload, base64URL)):], ".")
		s.signed = isObject && dotted && len(leading(signature[:min(len(signature), minToken)], base64URL)) == minToken
	}
	return s.signed && isJWTHeader(run[i:s.end])
}

// maxHeader is how much of a JWT's header is looked at for its algorithm, which stands first or
// nearly so: in bytes of base64.
const maxHeader = 1024

func isJWTHeader(text string) bool {
	var header [maxHeader]byte
	n, err := base64.RawURLEncoding.Decode(header[:], []byte(text[:min(len(text), maxHeader)]))
	return err == nil && bytes.Contains(header[:n], []byte(`"alg"`))
}

// leading is the longest beginning of text that has only letters, digits and the characters of extra.
func leading(text, extra string) string {
	for i := range len(text) {
		if !isAlphanumeric(text[i]) && strings.IndexByte(extra, text[i]) < 0 {
			return text[:i]
		}
	}
	return text
}

// exampleIn tells the examples of documentation, ghp_xxxx…, from a token, of which it gives -1: what begins in the word
// before the offset is an example too.
func exampleIn(word string) int {
	var seen [256]bool
	kinds := 0
	for _, c := range []byte(word) {
		if !seen[c] {
			seen[c] = true
			kinds++
		}
	}
	if kinds < 8 {
		return len(word)
	}
	lower := strings.ToLower(word)
	if last := max(strings.LastIndex(lower, "example"), strings.LastIndex(lower, "xxxx")); last >= 0 {
		return last + 1
	}
	return -1
}

// minCount is how many characters in their order make an example: 12345678, 789abcde.
const minCount = 8

// countsUp is true for a text that only counts somewhere.
func countsUp(text string) bool {
	text = strings.ToLower(text)
	run := 1
	for i := 1; i < len(text); i++ {
		if text[i] == text[i-1]+1 || text[i] == 'a' && text[i-1] == '9' {
			run++
		} else {
			run = 1
		}
		if run >= minCount {
			return true
		}
	}
	return false
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

package secret

import "testing"

func TestRecipient(t *testing.T) {
	for _, test := range []struct{ kind, id, want string }{
		{"age", " age1qqqq ", "age1qqqq"},
		{"age", "ssh-ed25519 AAAAC3Nz someone@example.test", "ssh-ed25519 AAAAC3Nz"},
		{"age", "AGE-SECRET-KEY-1QQQQ", "age"},
		{"age", "age1qqqq AGE-SECRET-KEY-1QQQQ", "age"},
		{"pgp", "fbc7 b9e2 a4f9 289a", "FBC7B9E2A4F9289A"},
		{"pgp", "0x1234567890abcdef", "1234567890ABCDEF"},
		{"pgp", "someone@example.test", "pgp"},
		{"kms", "arn:aws:kms:eu-central-1:1:key/1", "kms"},
	} {
		if got := Recipient(test.kind, test.id); got != test.want {
			t.Errorf("Recipient(%q, %q) = %q, want %q", test.kind, test.id, got, test.want)
		}
	}
}

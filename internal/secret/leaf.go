package secret

import (
	"encoding/base64"
	"errors"
	"strings"
)

const leafPrefix = "ENC[AES256_GCM,"

// isCiphertext is true for a whole SOPS leaf. What only begins like one is a text in the clear.
func isCiphertext(text string) bool {
	return strings.HasPrefix(text, leafPrefix) && strings.HasSuffix(text, "]") && parseLeaf(text) == nil
}

// plainLength is the length of what a leaf encrypts: AES-GCM does not pad. A leaf that cannot
// be read has its own length.
func plainLength(text string) int {
	data, _, _ := strings.Cut(strings.TrimPrefix(text, leafPrefix+"data:"), ",")
	decoded, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return len(text)
	}
	return len(decoded)
}

// parseLeaf checks that SOPS could have written a leaf: ENC[AES256_GCM,data:…,iv:…,tag:…,type:…], base64, an iv of 32
// bytes and a tag of 16. What follows the last bracket is ignored, as SOPS does.
//
// Source: getsops/sops v3.13.2 aes/cipher.go: encre, nonceSize, Decrypt.
func parseLeaf(text string) error {
	body, ok := strings.CutPrefix(text, leafPrefix)
	end := strings.LastIndexByte(body, ']')
	if !ok || end < 0 {
		return errors.New("it is not of the form ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]")
	}
	parts := strings.Split(body[:end], ",")
	if len(parts) != 4 {
		return errors.New("it does not have the four parts data, iv, tag and type")
	}
	for i, want := range []struct {
		name string
		size int // 0: any
	}{{"data", 0}, {"iv", 32}, {"tag", 16}} {
		value, ok := strings.CutPrefix(parts[i], want.name+":")
		if !ok || value == "" {
			return errors.New("its part " + want.name + " is missing")
		}
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return errors.New("its part " + want.name + " is not base64")
		}
		if want.size > 0 && len(decoded) != want.size {
			return errors.New("its part " + want.name + " has the wrong length")
		}
	}
	switch strings.TrimPrefix(parts[3], "type:") {
	case "str", "int", "float", "bytes", "bool", "time", "comment":
		return nil
	}
	return errors.New("its type is unknown to SOPS")
}

package fleet

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"
)

// Certificate is what a certificate says of itself. It is no secret.
type Certificate struct {
	// NotAfter is the day on which it expires, "2026-11-24", UTC.
	NotAfter     string   `json:"notAfter"`
	CommonName   string   `json:"commonName"`
	Organization []string `json:"organization"`
	// Hosts are the DNS names and addresses that it is for.
	Hosts []string `json:"hosts"`
	CA    bool     `json:"ca"`
}

// ReadCertificate reads the first certificate of a PEM text, the one that its owner shows; nil where there is none.
func ReadCertificate(text string) *Certificate {
	const begin = "-----BEGIN CERTIFICATE-----"
	start := strings.Index(text, begin)
	if start < 0 || len(text) > maxCertificates {
		return nil
	}
	block, _ := pem.Decode([]byte(text[start:]))
	if block == nil {
		return nil
	}
	read, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	c := &Certificate{
		NotAfter:     read.NotAfter.UTC().Format(time.DateOnly),
		CommonName:   read.Subject.CommonName,
		Organization: orEmpty(read.Subject.Organization),
		Hosts:        orEmpty(read.DNSNames),
		CA:           read.IsCA,
	}
	for _, address := range read.IPAddresses {
		c.Hosts = append(c.Hosts, address.String())
	}
	return c
}

// maxCertificates bounds a text that certificates are looked for in, in bytes.
const maxCertificates = 1 << 20

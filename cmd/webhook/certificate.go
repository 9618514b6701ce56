package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/rollcall-dev/rollcall/internal/checkout"
)

// certificateFlags say where the server's certificate comes from: made for this run, read from files, or made and
// rotated in a Secret that all replicas share.
type certificateFlags struct {
	selfSigned bool
	cert, key  string

	secret        string
	dnsNames      []string
	configuration string
}

func (c *certificateFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&c.selfSigned, "self-signed", false,
		"serve with a certificate that is made at the start and kept in memory")
	flags.StringVar(&c.cert, "tls-cert", "", "the `file` of the certificate, read again when it changes")
	flags.StringVar(&c.key, "tls-key", "", "the `file` of its key")
	flags.StringVar(&c.secret, "cert-secret", "",
		"the `NAMESPACE/NAME` of a Secret on the API server of --kubeconfig in which a certificate is made, rotated and shared by all replicas")
	flags.StringSliceVar(&c.dnsNames, "cert-dns-name", nil,
		"a `name` that the certificate of --cert-secret is for: the host of the webhook's URL; may be repeated")
	flags.StringVar(&c.configuration, "webhook-configuration", "",
		"the `name` of the ValidatingWebhookConfiguration whose caBundle is filled in with the authority of --cert-secret")
}

func (c *certificateFlags) check(kubeconfig string) error {
	ways := 0
	for _, given := range []bool{c.selfSigned, c.cert != "" || c.key != "", c.secret != ""} {
		if given {
			ways++
		}
	}
	namespace, name, _ := strings.Cut(c.secret, "/")
	switch {
	case ways != 1:
		return errors.New("reviews come over TLS: give one of --self-signed, --tls-cert with --tls-key, --cert-secret")
	case (c.cert == "") != (c.key == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.secret == "" && (len(c.dnsNames) > 0 || c.configuration != ""):
		return errors.New("--cert-dns-name and --webhook-configuration are for --cert-secret")
	case c.secret == "":
		return nil
	case namespace == "" || name == "" || strings.Contains(name, "/"):
		return fmt.Errorf("--cert-secret %s: not NAMESPACE/NAME", c.secret)
	case len(c.dnsNames) == 0 || c.configuration == "" || kubeconfig == "":
		return errors.New("--cert-secret needs --cert-dns-name, --webhook-configuration and --kubeconfig")
	}
	for _, name := range c.dnsNames {
		if net.ParseIP(name) != nil {
			return fmt.Errorf("--cert-dns-name %s: an address; the certificate is for names only", name)
		}
	}
	return nil
}

// certificate is the server's, which changes while it serves.
type certificate struct {
	// get is the present one; nil, without an error, before there is any.
	get func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// keep keeps it current until ctx is done.
	keep func(ctx context.Context) error
	// failed is why there is none.
	failed lastError
}

func (a *app) certificate(log *slog.Logger) (*certificate, error) {
	switch {
	case a.certs.selfSigned:
		host, _, _ := net.SplitHostPort(a.listen)
		made, err := selfSigned(host, time.Now())
		if err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		return &certificate{
			get:  func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made, nil },
			keep: func(context.Context) error { return nil },
		}, nil
	case a.certs.cert != "":
		w, err := certwatcher.New(a.certs.cert, a.certs.key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of --tls-cert and --tls-key: %w", checkout.Cause(err))
		}
		return &certificate{get: w.GetCertificate, keep: w.Start}, nil
	}
	return a.certs.rotated(a.kubeconfig, log)
}

// selfSigned makes a certificate for this machine, and for the host that is listened on.
func selfSigned(host string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "rollcall-webhook"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// A client that is given the certificate as its own authority's accepts it.
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// has is true once there is a certificate.
func (c *certificate) has() bool {
	present, err := c.get(nil)
	return err == nil && present != nil
}

// expiry is a metric.
func (c *certificate) expiry() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rollcall_certificate_expiry_timestamp_seconds",
		Help: "When the certificate that is served expires; 0 without one.",
	}, func() float64 {
		present, err := c.get(nil)
		if err != nil || present == nil || present.Leaf == nil {
			return 0
		}
		return float64(present.Leaf.NotAfter.Unix())
	})
}

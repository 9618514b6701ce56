package admission

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// TestWebhookService holds the rule webhook-service-reachable: the Karmada API server looks clientConfig.service up
// among its own Services. There only one of type ExternalName leads anywhere.
func TestWebhookService(t *testing.T) {
	c := controlplane.Start(t, controlplane.Options{})
	webhook := c.StartWebhook(t, "external.default.svc")
	port := webhook.URL[strings.LastIndex(webhook.URL, ":")+1:]
	c.Apply(t, `
apiVersion: v1
kind: Service
metadata: {name: external, namespace: default}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: v1
kind: Service
metadata: {name: with-address, namespace: default}
spec: {ports: [{port: `+port+`}]}
`)
	for _, test := range []struct{ service, refused string }{
		{"external", ""},
		{"with-address", "failed calling webhook"},
		{"missing", `service "missing" not found`},
	} {
		t.Run(test.service, func(t *testing.T) {
			c.Apply(t, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
  - name: %[1]s.example.com
    clientConfig:
      service: {name: %[1]s, namespace: default, port: %[2]s, path: /}
      caBundle: %[3]s
    rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
    objectSelector: {matchLabels: {asks: %[1]s}}
    failurePolicy: Fail
    timeoutSeconds: 3
    sideEffects: None
    admissionReviewVersions: [v1]
`, test.service, port, base64.StdEncoding.EncodeToString(c.CABundle())))
			// Until the API server has noticed the configuration it asks nobody.
			controlplane.Await(t, "the webhook to be asked or missed", func(ctx context.Context) error {
				before := len(webhook.Seen())
				err := c.TryApply(ctx, controlplane.Objects(t, fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: asks-%d, namespace: default, labels: {asks: %s}}
`, len(webhook.Seen()), test.service))[0])
				switch {
				case test.refused == "" && err == nil && len(webhook.Seen()) > before:
					return nil
				case test.refused != "" && err != nil && strings.Contains(err.Error(), test.refused):
					t.Log(err)
					return nil
				}
				return fmt.Errorf("the API server says %v", err)
			})
		})
	}
}

package deploy

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// inChart are the texts of the overlays that the chart's values stand in the place of.
var inChart = []struct{ text, value string }{
	{"${ROLLCALL_API_SERVER}", "{{ .Values.apiServer }}"},
	{"ghcr.io/rollcall-dev/rollcall-webhook:v0.1.0", "{{ .Values.image.repository }}:{{ .Values.image.tag }}"},
	{"gitrepository/flux-system/flux-system", "{{ .Values.source.kind }}/flux-system/{{ .Values.source.name }}"},
	{"resourceNames:\n  - flux-system\n", "resourceNames:\n  - {{ .Values.source.name }}\n"},
}

// TestChart holds that the templates of the Helm chart are what the overlays build, with values in their
// places. UPDATE=1 writes them.
func TestChart(t *testing.T) {
	for _, overlay := range overlays {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
		if err != nil {
			t.Fatal(err)
		}
		data, err := built.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if strings.Contains(text, "{{") {
			t.Errorf("%s: Helm would take a text of it for its own", overlay)
		}
		for _, in := range inChart {
			if overlay != "karmada/apiserver" && !strings.Contains(text, in.text) &&
				in.text != "${ROLLCALL_API_SERVER}" {
				t.Errorf("%s: no %q", overlay, in.text)
			}
			text = strings.ReplaceAll(text, in.text, in.value)
		}
		mode, certificate := path.Split(overlay)
		condition := fmt.Sprintf(`and (eq .Values.mode %q) (eq .Values.certificate %q)`, path.Clean(mode), certificate)
		if overlay == "karmada/apiserver" {
			condition = `eq .Values.mode "karmada-apiserver"`
		}
		text = "{{- /* Of deploy/" + overlay + ": UPDATE=1 go test ./deploy */ -}}\n{{- if " + condition + " }}\n" +
			text + "{{- end }}\n"
		file := "chart/templates/" + strings.ReplaceAll(overlay, "/", "-") + ".yaml"
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if is, err := os.ReadFile(file); err != nil || string(is) != text {
			t.Errorf("%s is not what deploy/%s builds; UPDATE=1 writes it (%v)", file, overlay, err)
		}
	}
}

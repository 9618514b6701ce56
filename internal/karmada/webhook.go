package karmada

func (v *validator) byWebhook(object map[string]any) {}

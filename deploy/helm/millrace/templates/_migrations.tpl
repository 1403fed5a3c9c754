{{- define "millrace.migration" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "millrace.name" .root }}-migrate-{{ .phase }}-{{ .root.Release.Revision }}
  labels:
    {{- include "millrace.labels" .root | nindent 4 }}
    app.kubernetes.io/component: migrate
  {{- if .hook }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  backoffLimit: {{ .tries }}
  activeDeadlineSeconds: {{ .deadline }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels:
        {{- include "millrace.labels" .root | nindent 8 }}
        app.kubernetes.io/component: migrate
    spec:
      {{- include "millrace.placement" (dict "root" .root "part" dict) | nindent 6 }}
      restartPolicy: Never
      securityContext: {{ include "millrace.podSecurity" .root | nindent 8 }}
      containers:
        - name: migrate
          image: {{ include "millrace.houseImage" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args:
            - packages/cli/bin/millrace.mjs
            - migrate
            - --phase
            - {{ .phase }}
            {{- if .wait }}
            - --wait
            - {{ .wait | int64 | quote }}
            {{- end }}
          env:
            - name: MILLRACE_DATABASE_URL_FILE
              value: /run/secrets/millrace/database-url
          resources: {{ toYaml .root.Values.migrations.resources | nindent 12 }}
          securityContext: {{ include "millrace.containerSecurity" .root | nindent 12 }}
          volumeMounts: {{ include "millrace.secretMounts" (dict "root" .root "withoutNats" true) | nindent 12 }}
      volumes: {{ include "millrace.secretVolumes" (dict "root" .root "keys" (list "database-url") "withoutNats" true) | nindent 8 }}
{{- end }}

//! Rules: what secrets look like inside a text, as their providers publish it.
//!
//! Each rule is a pattern, the literals one of which every match holds, and a judgement of what was
//! matched. Patterns are matched in linear time. Prefixes, lengths and alphabets are those of the
//! providers' own pages on their token formats; docs/REDACTION.md lists them. A token's checksum is
//! not asked for where the format alone is telling: a truncated or mistyped key is a leak as well.

use super::judge::{self, Judge};
use super::keys;

/// A built-in rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    /// Literals as they stand; see [`super::sieve`] for the marks in them.
    pub(super) exact: &'static [&'static str],
    /// Literals in any case.
    pub(super) folded: &'static [&'static str],
    pub(super) pattern: &'static str,
    pub(super) judge: Judge,
    /// Whether a match begins with a name, behind which the search goes on when it is refused.
    pub(super) is_named: bool,
}

const fn exact(id: &'static str, exact: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { id, exact, folded: &[], pattern, judge: judge::token, is_named: false }
}

const fn folded(
    id: &'static str,
    folded: &'static [&'static str],
    pattern: &'static str,
    judge: Judge,
) -> Rule {
    Rule { id, exact: &[], folded, pattern, judge, is_named: false }
}

const NAMES: &[&str] = keys::LITERALS;

/// Every built-in rule for texts; where two overlap, the first one names the match.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "private-key",
        exact: &["-----BEGIN"],
        folded: &[],
        pattern: r"(?s)-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|$)",
        judge: judge::whole,
        is_named: false,
    },
    Rule {
        id: "private-key-base64",
        exact: &["LS0tLS1CRUdJTi"],
        folded: &[],
        pattern: r"LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0Eg|BFQyBQ|BPUEVOU1NI|BFTkNSWVBU|BEU0Eg)[A-Za-z0-9+/=_-]*",
        judge: judge::whole,
        is_named: false,
    },
    exact("age-secret-key", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Rule {
        id: "jwt",
        exact: &["<b>eyJ<?>"],
        folded: &[],
        pattern: r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,3}",
        judge: judge::left,
        is_named: false,
    },
    exact(
        "aws-access-key-id",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    ),
    folded(
        "aws-secret-access-key",
        &["secret"],
        r#"(?i)aws_?secret_?(?:access_?)?key\\*["']?\s*[:=]\s*\\*["']?([A-Za-z0-9/+]{40})"#,
        judge::right,
    ),
    exact(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
    ),
    exact(
        "gitlab-token",
        &[
            "glpat-",
            "gloas-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glptt-",
            "glft-",
            "glimt-",
            "glagent-",
            "glsoat-",
            "GR1348941",
        ],
        r"(?:gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-[A-Za-z0-9_.-]{20,}|GR1348941[A-Za-z0-9_-]{20,})",
    ),
    exact(
        "slack-token",
        &["xox<?>-", "xoxe.", "xapp-"],
        r"(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xoxe\.xox[bp]-\d-[A-Za-z0-9]{20,}|xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{16,})",
    ),
    Rule {
        id: "slack-webhook",
        exact: &["hooks.slack.com"],
        folded: &[],
        pattern: r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,})",
        judge: judge::whole,
        is_named: false,
    },
    exact(
        "stripe-key",
        &[
            "<b>sk_live_",
            "<b>sk_test_",
            "<b>rk_live_",
            "<b>rk_test_",
            "<b>sk_prod_",
            "<b>rk_prod_",
            "whsec_",
        ],
        r"(?:[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{32,}={0,2})",
    ),
    exact("anthropic-key", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{20,}"),
    exact(
        "openai-key",
        &["<b>sk-<?>"],
        r"sk-(?:(?:proj|svcacct|admin|None|live|test|or-v1)-[A-Za-z0-9_-]{8,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{32,64})",
    ),
    exact(
        "google-api-key",
        &["AIza", "ya29.", "GOCSPX-", "<b>1//0", "<b>1\\/\\/0"],
        r"(?:AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{28}|1//0[0-9A-Za-z_-]{40,})",
    ),
    exact("npm-token", &["npm_"], r"npm_[A-Za-z0-9]{36}"),
    exact("pypi-token", &["pypi-A"], r"pypi-Ag[A-Za-z0-9_-]{40,}"),
    exact("sendgrid-key", &["<b>SG.<?>"], r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    exact("twilio-key", &["<b>SK<h><h>"], r"SK[0-9a-f]{32}"),
    exact(
        "huggingface-token",
        &["<b>hf_<?>", "api_org_"],
        r"(?:hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,})",
    ),
    Rule {
        id: "azure-key",
        exact: &["<d>Q~<?>"],
        folded: &["AccountKey=", "SharedAccessKey=", "AccessKey="],
        pattern: r"(?:(?i:(?:Account|SharedAccess|Access)Key=)([A-Za-z0-9+/]{40,}={0,2})|([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}))",
        judge: judge::whole,
        is_named: false,
    },
    exact("digitalocean-token", &["do<?>_v1_"], r"do[opr]_v1_[a-f0-9]{64}"),
    exact("shopify-token", &["shp<?><?>_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    exact("databricks-token", &["dapi<h>"], r"dapi[a-f0-9]{32}(?:-\d)?"),
    exact("vault-token", &["<b>hvs.", "<b>hvb.", "<b>hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    exact(
        "grafana-token",
        &["glsa_", "glc_"],
        r"(?:glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,2})",
    ),
    exact("linear-key", &["lin_api_"], r"lin_api_[A-Za-z0-9]{40}"),
    exact(
        "notion-token",
        &["<b>ntn_", "<b>secret_"],
        r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})",
    ),
    exact("postman-key", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    exact("newrelic-key", &["NRAK-"], r"NRAK-[A-Z0-9]{27}"),
    exact("docker-token", &["dckr_pat_"], r"dckr_pat_[A-Za-z0-9_-]{27}"),
    exact("rubygems-key", &["rubygems_"], r"rubygems_[a-f0-9]{48}"),
    exact("mailgun-key", &["<b>key-<h><h>"], r"key-[0-9a-f]{32}"),
    exact("telegram-token", &["<d>:AA"], r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    exact("square-token", &["<b>sq0<?>"], r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}"),
    exact("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}"),
    exact("supabase-token", &["<b>sbp_"], r"sbp_[a-f0-9]{40}"),
    exact("sentry-token", &["sntry"], r"(?:sntrys_eyJ[A-Za-z0-9+/=_-]{60,}|sntryu_[a-f0-9]{64})"),
    exact("terraform-token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    exact(
        "doppler-token",
        &["<b>dp.<?>t.", "<b>dp.sa."],
        r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,}",
    ),
    exact("groq-key", &["<b>gsk_"], r"gsk_[A-Za-z0-9]{52}"),
    exact("xai-key", &["<b>xai-"], r"xai-[A-Za-z0-9]{70,}"),
    exact("replicate-token", &["<b>r8_<?>"], r"r8_[A-Za-z0-9]{37}"),
    exact("perplexity-key", &["pplx-"], r"pplx-[A-Za-z0-9]{40,}"),
    exact(
        "atlassian-token",
        &["ATATT3", "ATBB<?>"],
        r"(?:ATATT3[A-Za-z0-9_=-]{50,}|ATBB[A-Za-z0-9]{32})",
    ),
    exact("netlify-token", &["<b>nfp_"], r"nfp_[A-Za-z0-9]{36}"),
    folded(
        "bearer-token",
        &["bearer"],
        r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/=-]{8,})",
        judge::bearer,
    ),
    folded(
        "basic-auth",
        &["basic "],
        r"(?i)\bbasic[ \t]+([A-Za-z0-9+/_-]{6,}={0,2})",
        judge::basic,
    ),
    Rule {
        id: "url-password",
        exact: &[URL_MARK],
        folded: &[],
        pattern: r#"(?i)[a-z][a-z0-9+.-]*://[^\s/?#:@"'<>]*:([^\s/?#"'<>]+)@"#,
        judge: judge::filled,
        is_named: false,
    },
    Rule {
        id: "query-parameter",
        exact: &[],
        folded: NAMES,
        pattern: r#"[?&#]([A-Za-z0-9_.%-]{2,64})=([^&#?;\s"'<>\\]+)"#,
        judge: judge::parameter,
        is_named: true,
    },
    Rule {
        id: "query-signature",
        exact: &[],
        folded: &["key=", "sig=", "signature=", "auth=", "hmac="],
        pattern: r#"[?&](?i:key|sig|signature|x-amz-signature|x-goog-signature|auth|hmac)=([^&#\s"'<>\\]{12,})"#,
        judge: judge::random,
        is_named: false,
    },
    Rule {
        id: "quoted-pair",
        exact: &[],
        folded: NAMES,
        pattern: r#"(?s)(?:"([A-Za-z0-9_. -]{2,64})"\s*[:=]\s*"((?:[^"\\]|\\.)*)(?:"|$)|'([A-Za-z0-9_. -]{2,64})'\s*[:=]\s*'((?:[^'\\]|\\.)*)(?:'|$)|\\+"([A-Za-z0-9_. -]{2,64})\\+"\s*[:=]\s*\\+"(.*?)(?:\\+"|$))"#,
        judge: judge::pair,
        is_named: true,
    },
    Rule {
        id: "assignment",
        exact: &[],
        folded: NAMES,
        pattern: r#"([A-Za-z0-9_.-]{2,64})=("[^"]*"|'[^']*'|[^\s"'&;,=]+)"#,
        judge: judge::assignment,
        is_named: true,
    },
    Rule {
        id: "command-flag",
        exact: &[],
        folded: NAMES,
        pattern: r#"(?:^|\s)--?([A-Za-z][A-Za-z0-9_-]{1,40})(?:=|[ \t]+)("[^"]*"|'[^']*'|[^\s"'<]+)"#,
        judge: judge::flag,
        is_named: true,
    },
    Rule {
        id: "connection-string",
        exact: &[],
        folded: &["password", "pwd<?>"],
        pattern: r"(?i)(?:^|;)[ \t]?(?:password|pwd)[ \t]?=([^;\s][^;]*)",
        judge: judge::connection,
        is_named: false,
    },
    Rule {
        id: "header-line",
        exact: &[],
        folded: &[
            "api-key",
            "auth-token",
            "access-token",
            "private-token",
            "vault-token",
            "security-token",
            "csrf-token",
        ],
        pattern: r"(?i)\b(?:x-)?(?:[a-z]+-)?(?:api-key|auth-token|access-token|private-token|vault-token|security-token|csrf-token)[ \t]*:[ \t]*([^\s\x22',;]{8,})",
        judge: judge::filled,
        is_named: false,
    },
    Rule {
        id: "cookie",
        exact: &[],
        folded: &["cookie:", "cookie :"],
        pattern: r"(?i)\bcookie ?:[ \t]*([^\s=;:]+=[^\r\n\x22']+)",
        judge: judge::whole,
        is_named: false,
    },
];

/// What every URL holds: too common to be looked for by itself, so `@` is.
pub(super) const URL_MARK: &str = "://";
/// The rule for card numbers; it has no literals.
pub(super) const CARD_RULE: &str = "card-number";

/// Every rule's id: of keys, of texts, and of card numbers.
pub(super) fn built_in_ids() -> impl Iterator<Item = &'static str> {
    let of_keys = keys::ENDINGS.iter().chain(keys::EXACT).map(|(_, rule)| rule.id);
    of_keys.chain(RULES.iter().map(|rule| rule.id)).chain([CARD_RULE])
}

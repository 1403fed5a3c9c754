/** A step of a workflow of the showcase. */
interface ShowStep {
  readonly name: string;
  readonly code: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

const READ = `def handler(pd):
    body = pd.steps["trigger"]["event"]["body"]
    order = {
        "number": body["order"],
        "customer": body["customer"]["name"],
        "items": body["items"],
    }
    return order
`;

const PRICE = `from decimal import Decimal


def handler(pd):
    items = pd.steps["read_order"]["$return_value"]["items"]
    total = sum(Decimal(item["price"]) * item["count"] for item in items)
    print(f"{len(items)} items, {total} EUR")
    pd.export("total", str(total))
    pd.export("lines", [{"sku": item["sku"], "count": item["count"]} for item in items])
`;

const CHARGE_FIRST = `def handler(pd):
    total = pd.steps["price"]["total"]
    print("charging", total)
    return {"charged": total}
`;

const CHARGE = `class CardDeclined(Exception):
    """The bank has said no."""


def handler(pd):
    total = pd.steps["price"]["total"]
    card = pd.steps["trigger"]["event"]["body"]["card"]
    print("charging", total, "to the card that ends in", card[-4:])
    if card.endswith("0002"):
        raise CardDeclined("the bank declined the card: insufficient funds")
    return {"charged": total, "currency": "EUR"}
`;

const NOTIFY = `def handler(pd):
    store = pd.inputs["customers"]
    order = pd.steps["read_order"]["$return_value"]
    orders = store.increment(f"orders:{order['customer']}")
    print(order["customer"], "has", orders, "orders now")
    return {"orders": orders}
`;

const SYNC = `import time


def handler(pd):
    changed = []
    for page in range(1, 4):
        time.sleep(0.05)
        changed.append({"sku": f"TEA-{page:03d}", "stock": 40 - page})
        print(f"page {page} of 3: {len(changed)} changes")
    pd.export("changed", changed)
`;

const STORE_STOCK = `def handler(pd):
    store = pd.inputs["stock"]
    for change in pd.steps["fetch_changes"]["changed"]:
        store[change["sku"]] = change["stock"]
    return {"written": len(pd.steps["fetch_changes"]["changed"])}
`;

const SIGN_UP = `def handler(pd):
    email = pd.steps["trigger"]["event"]["body"]["email"]
    pd.inputs["readers"][email] = {"confirmed": False}
    print("waiting for the confirmation of", email)
    return {"email": email}
`;

const REPORT = `import csv
import io


def handler(pd):
    rows = [("day", "orders"), ("2026-11-20", 412), ("2026-11-21", 388)]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    print(text.getvalue())
    return {"rows": len(rows) - 1}
`;

const ASK = `def handler(pd):
    refund = pd.steps["trigger"]["event"]["body"]
    print("asking for the approval of", refund["amount"], "EUR for order", refund["order"])
    pd.flow.suspend(86_400_000)
`;

const PAY_BACK = `def handler(pd):
    return pd.steps["ask_a_person"]["$resume_data"]
`;

const customers: ShowStep["inputs"] = { customers: { store: "customers" } };
const order = (charge: string): readonly ShowStep[] => [
  { name: "read_order", code: READ },
  { name: "price", code: PRICE },
  { name: "charge_card", code: charge },
  { name: "count_orders", code: NOTIFY, inputs: customers },
];

/** The workflows, each with the steps of all its versions. */
export const WORKFLOWS: readonly {
  readonly name: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly versions: readonly (readonly ShowStep[])[];
}[] = [
  { name: "order-intake", settings: { stepTimeout: "20s" }, versions: [order(CHARGE_FIRST), order(CHARGE)] },
  {
    name: "stock-sync",
    versions: [
      [
        { name: "fetch_changes", code: SYNC },
        { name: "store_stock", code: STORE_STOCK, inputs: { stock: { store: "stock" } } },
      ],
    ],
  },
  {
    name: "newsletter-signup",
    versions: [[{ name: "sign_up", code: SIGN_UP, inputs: { readers: { store: "readers" } } }]],
  },
  { name: "nightly-report", versions: [[{ name: "write_report", code: REPORT }]] },
  {
    name: "refund-approval",
    versions: [
      [
        { name: "ask_a_person", code: ASK },
        { name: "pay_back", code: PAY_BACK },
      ],
    ],
  },
];

const NAMES = ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Barbara Liskov", "Edsger Dijkstra", "Radia Perlman"];
const PLACES = ["London", "New York", "Manchester", "Boston", "Rotterdam"];

/** Who buys in the shop. */
export const CUSTOMERS = Array.from({ length: 48 }, (_, index) => ({
  id: String(index + 1).padStart(4, "0"),
  name: NAMES[index % NAMES.length],
  city: PLACES[index % PLACES.length],
  orders: (index * 7) % 23,
  newsletter: index % 3 === 0,
}));

/** Environment variables, plain and secret. */
export const VARIABLES = {
  SHOP_URL: { value: "https://shop.example.com", secret: false },
  REGION: { value: "eu-west", secret: false },
  PAYMENT_API_KEY: { value: "not-a-real-key", secret: true },
  SMTP_PASSWORD: { value: "not-a-real-password", secret: true },
} as const;

/** Files of the project. */
export const FILES: Readonly<Record<string, { readonly type: string; readonly content: string }>> = {
  "reports/2026-11-20.csv": { type: "text/csv", content: "day,orders,total\n2026-11-20,412,18210.50\n" },
  "reports/2026-11-21.csv": { type: "text/csv", content: "day,orders,total\n2026-11-21,388,16902.00\n" },
  "templates/receipt.html": { type: "text/html", content: "<h1>Thank you, {{name}}</h1>\n" },
  "price-list.json": { type: "application/json", content: '{ "TEA-GREEN": "12.50", "POT-IRON": "48.00" }\n' },
  "README.md": { type: "text/markdown", content: "# Files of the shop\n\nReports are written every night.\n" },
};

/** An app that the house does not know by itself. */
export const APP = {
  name: "warehouse",
  title: "Warehouse",
  auth: "key",
  fields: [{ name: "token", title: "Token", secret: true }],
} as const;

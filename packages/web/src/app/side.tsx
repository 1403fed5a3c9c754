import { PanelLeftClose, PanelLeftOpen, Search } from "lucide-react";
import { Link, NavLink, useLocation } from "react-router";
import { IconButton } from "../ui/button.tsx";
import { AccountMenu } from "./account-menu.tsx";
import { isAt, PLACES, type Place } from "./places.ts";
import { paletteOpen } from "./shortcuts.ts";
import { MOD_KEY } from "./platform.ts";

export interface SideProps {
  readonly compact: boolean;
  readonly onCompact: (compact: boolean) => void;
}

/** The navigation; pictures only when it is compact, with their names when pointed at. */
export function Side({ compact, onCompact }: SideProps) {
  return (
    <nav className="side" aria-label="Main">
      <div className="side-head">
        <Link to="/" className="brand" title="Millrace">
          <img src="/mark.svg" alt="" width={22} height={22} />
          <span className="side-text">Millrace</span>
        </Link>
        <IconButton
          kind="plain"
          className="side-fold"
          label={compact ? "Widen the navigation" : "Narrow the navigation"}
          aria-expanded={!compact}
          icon={compact ? <PanelLeftOpen size={16} aria-hidden /> : <PanelLeftClose size={16} aria-hidden />}
          onClick={() => onCompact(!compact)}
        />
      </div>
      <button
        type="button"
        className="side-search"
        title={`Search and commands (${MOD_KEY}K)`}
        onClick={() => paletteOpen.set(true)}
      >
        <Search size={15} aria-hidden />
        <span className="side-text">Search</span>
        <kbd className="side-text">{MOD_KEY}K</kbd>
      </button>
      <div className="side-places">
        {PLACES.map(({ heading, places }) => (
          <div key={heading}>
            <h2 className="side-heading side-text">{heading}</h2>
            <ul>
              {places.map((place) => (
                <PlaceLink key={place.to} place={place} compact={compact} />
              ))}
            </ul>
          </div>
        ))}
      </div>
      <AccountMenu />
    </nav>
  );
}

function PlaceLink({ place, compact }: { readonly place: Place; readonly compact: boolean }) {
  const { pathname } = useLocation();
  const { to, label, icon: Icon } = place;
  const here = isAt(place, pathname);
  return (
    <li>
      <NavLink
        to={to}
        className={here ? "place here" : "place"}
        aria-current={here ? "page" : undefined}
        title={compact ? label : undefined}
      >
        <Icon size={16} aria-hidden />
        <span className="side-text">{label}</span>
      </NavLink>
    </li>
  );
}
